"""The messageSubmit and messageRedirect examples of the protocol text, for 415-send-examples.t.

submit.py URL PASSWORD TEXT     as the accounts at "domain" that the examples name; TEXT is the protocol text
Prints a line a check: "ok NAME" or "not ok NAME: why".
"""
import re
import sys

import compose

BARBARA = ('<EMail><From realName="Barbara Smith">barbara@domain</From><Subject>Sorry, I cannot make it :-(</Subject>'
           '<To realName="Sender Name">fromName@domain</To><X-Mailer>OtherClient v8.88</X-Mailer>'
           '<MIME type="text" subtype="plain">Mary,\n\nSorry, but I will be out of town tomorrow...\n\nBarbara.\n'
           '</MIME></EMail>')
TEXT = ("Dear Susan,\n\nI will come to your place tomorrow, thank you for the invitation!\nMary.\n")


class Account:
    def __init__(self, url, name, password):
        self.client = compose.Client(url, name + "@domain", password)
        self.known = 0

    def news(self, mailbox="INBOX"):
        """The raw messages that came since the last call."""
        reply = self.client.open("N", mailbox, create=False) or self.client.do(
            '<folderBrowse id="b" folder="N"><index from="%d" till="%d"/></folderBrowse>' % (self.known, self.known + 99))
        uids = [report.get("UID") for report in reply if report.tag == "folderReport"]
        self.known += len(uids)
        return [self.client.raw("N", uid) for uid in uids]


def fields(raw, *names):
    message = compose.parse(raw)
    return [str(message[name]) for name in names]


def without_trace(raw):
    return re.sub(rb"\AReturn-Path:[^\n]*\nDelivered-To:[^\n]*\n", b"", raw)


def simple(checks, accounts, request):
    reply = accounts["fromName"].client.do(request)
    checks.is_("submit 1: the response", reply[-1].attrib, {"id": "A001"})
    got = {name: accounts[name].news() for name in ("toName", "bccName")}
    checks.is_("submit 1: one each", [len(mails) for mails in got.values()], [1, 1])
    mail = got["toName"][0]
    checks.is_("submit 1: the fields", fields(mail, "From", "To", "Subject", "X-Mailer", "Bcc"),
               ["Sender Name <fromName@domain>", "Recipient Name <toName@domain>", "I'll be there!",
                "SuperClient v7.77", "None"])
    checks.is_("submit 1: the text", compose.content(compose.parse(mail)), TEXT)
    checks.is_("submit 1: the same for both", without_trace(mail), without_trace(got["bccName"][0]))
    report = compose.parse(accounts["fromName"].news()[0])
    checks.is_("submit 1: and the report", (report.get_content_type(), report.get_param("report-type")),
               ("multipart/report", "delivery-status"))


def envelope(checks, accounts, request):
    """The address in the text has a word too much, and the mailbox has to be there."""
    sender = accounts["fromName"].client
    sender.do('<mailboxCreate id="m" mailbox="Sent Items"/>')
    checks.is_("submit 2: the response", sender.do(request.replace("@domain address", "@domain"))[-1].attrib,
               {"id": "A001"})
    got = {name: accounts[name].news() for name in ("a1", "a2", "toName", "ccName")}
    checks.is_("submit 2: to the envelope only", [len(mails) for mails in got.values()], [1, 1, 0, 0])
    checks.is_("submit 2: the fields", fields(got["a1"][0], "To", "Cc"),
               ["Recipient Name <toName@domain>", "ccName@domain"])
    reply = sender.do('<folderOpen id="o" folder="S" mailbox="Sent Items"><field>FLAGS</field></folderOpen>'
                      '<folderBrowse id="b" folder="S"><index from="0" till="9"/></folderBrowse>')
    checks.is_("submit 2: a copy, Seen", [flags.text for flags in reply[2].iter("FLAGS")], ["Recent,Seen"])
    checks.is_("submit 2: of the same bytes", sender.raw("S", "1"), without_trace(got["a2"][0]))


def forwarded(checks, accounts, request, uid, shown):
    """The XML of the text lacks an end tag; the message that it shows names another recipient than the request."""
    request = request.replace('UID="156"', 'UID="%s"' % uid).replace("</EMail>", "</MIME></EMail>")
    checks.is_("submit 3: the response", accounts["fromName"].client.do(request)[-1].attrib, {"id": "A001"})
    mails = accounts["a1"].news()
    checks.is_("submit 3: one message", len(mails), 1)
    shown = shown.replace("To: \"Recipient Name\" <toName@domain>", "To: \"Recipient Name\" <a1@domain>", 1)
    checks.is_("submit 3: the message of the text", compose.shape(compose.parse(without_trace(mails[0]))),
               compose.shape(compose.parse(shown.replace("\n", "\r\n").encode())))


def redirected(checks, accounts, request, uid):
    sender = accounts["fromName"].client
    checks.is_("redirect: the response", sender.do(request.replace('UID="156"', 'UID="%s"' % uid))[-1].attrib,
               {"id": "A001"})
    got = [accounts[name].news() for name in ("a1", "a2")]
    checks.is_("redirect: one each", [len(mails) for mails in got], [1, 1])
    head, _, rest = without_trace(got[0][0]).partition(b"Resent-Message-ID:")
    checks.is_("redirect: who passed it on", fields(head, "Resent-From", "Resent-To"),
               ["fromname@domain", "Recipient Name <a1@domain>, Recipient-2 <a2@domain>"])
    checks.is_("redirect: the message below", rest.partition(b"\r\n")[2], sender.raw("INBOX", uid))


def main(url, password, path):
    checks = compose.Checks()
    with open(path, encoding="utf-8") as file:
        text = file.read()
    section = text[text.index("\nmessageSubmit\nThis operation"):text.index("\nmessageConfirm\nThis operation")]
    submits = re.findall(r"C:(<messageSubmit .*?</messageSubmit>)", section, re.S)
    redirects = re.findall(r"C:(<messageRedirect .*?</messageRedirect>)", section, re.S)
    shown = re.search(r"adds the following message to the Mailbox:\n\n(.*?)\nmessageRedirect", section, re.S).group(1)
    checks.is_("the text has four examples", (len(submits), len(redirects)), (3, 1))
    accounts = {name: Account(url, name, password) for name in ("fromName", "toName", "bccName", "ccName", "a1", "a2")}
    simple(checks, accounts, submits[0])
    envelope(checks, accounts, submits[1])
    sender = accounts["fromName"].client
    sender.open("INBOX", "INBOX")
    uid = sender.do('<messageAppend id="m" folder="INBOX" report="uid">%s</messageAppend>' % BARBARA)[0].get("UID")
    sender.open("INBOX", "INBOX")
    forwarded(checks, accounts, submits[2], uid, shown)
    redirected(checks, accounts, redirects[0], uid)


main(*sys.argv[1:])
