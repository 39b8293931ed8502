"""Composed mail, judged by a parser that is not ours, for 185-compose.t and 310-compose-corpora.t.

compose.py forms URL USER PASSWORD          every form of the MIME element; values that try to get out of their place
compose.py examples URL USER PASSWORD TEXT  the messageAppend examples of the protocol text TEXT
compose.py corpora URL DIR USER PASSWORD    copyMIME of every message that corpora.py staged and the test imported
Prints a line a check: "ok NAME" or "not ok NAME: why".
"""
import base64
import email
import email.policy
import os
import re
import sys
import xml.etree.ElementTree as tree
from xml.sax.saxutils import escape, quoteattr

import corpora

SHOWN = 20  # failures of a check that are printed


class Client(corpora.Client):
    def post(self, path, kind, body):
        self.connection.request("POST", self.session + path, body, {"Content-Type": kind})
        answer = self.connection.getresponse()
        return answer.status, answer.read()

    def upload(self, name, file_name, kind, data):
        form = (b'--b\r\nContent-Disposition: form-data; name="fileData"; filename="' + file_name.encode() +
                b'"\r\nContent-Type: ' + kind.encode() + b"\r\n\r\n" + data + b"\r\n--b--\r\n")
        status, body = self.post("/UPLOAD/" + name, "multipart/form-data; boundary=b", form)
        assert status == 200, body

    def do(self, request):
        """The children of the reply; the last is the response."""
        status, body = self.sync(request)
        assert status == 200, (status, body)
        return list(tree.fromstring(body))

    def error(self, request):
        return self.do(request)[-1].get("errorNum")

    def open(self, folder, mailbox, create=True):
        self.do('<folderClose id="c" folder=%s/>' % quoteattr(folder))
        reply = self.do('<folderOpen id="o" folder=%s mailbox=%s%s/>' % (
            quoteattr(folder), quoteattr(mailbox), ' mailboxClass=""' if create else ""))
        assert reply[-1].get("errorNum") is None, reply[-1].attrib

    def raw(self, folder, uid):
        status, body = self.get("%s/MIME/%s/%s-P.txt" % (self.session, folder, uid))
        assert status == 200, (folder, uid, status)
        return body

    def append(self, mail, attributes=""):
        """Appends to mailbox T by its folder W; the raw bytes of the new message, or its error number."""
        reply = self.do('<messageAppend id="a" folder="W" report="uid" %s>%s</messageAppend>' % (attributes, mail))
        if reply[-1].get("errorNum"):
            return reply[-1].get("errorNum")
        return self.raw("T", reply[0].get("UID"))


# Names are written twice, for readers of RFC 2231 and for those of RFC 2047 only, who write no standard.
TWINS = "duplicate parameter name|encoded word inside quoted string|missing trailing whitespace after encoded-word"


def parse(raw):
    return email.message_from_bytes(raw, policy=email.policy.default)


def unfit(raw, eight_bit=False):
    """What any transport could trip over."""
    found = []
    if re.search(rb"\r(?!\n)|(?<!\r)\n|\0", raw):
        found.append("bare CR, LF or NUL")
    if any(len(line) > 998 for line in raw.split(b"\r\n")):
        found.append("a line that is too long")
    if not eight_bit and re.search(rb"[\x80-\xff]", raw):
        found.append("8 bit")
    return found


def faults(raw):
    """That, and what the other parser complains of."""
    found = unfit(raw)
    message = parse(raw)
    for part in message.walk():
        found += ["defect %r" % defect for defect in part.defects]
        for name, value in part.items():
            found += ["%s: %r" % (name, defect) for defect in value.defects if not re.search(TWINS, repr(defect))]
    return found


def content(part):
    """The decoded body: text with LF line ends, else bytes."""
    data = part.get_payload(decode=True)
    if part.get_content_maintype() == "text":
        return data.decode(part.get_content_charset("ascii")).replace("\r\n", "\n")
    return data


def shape(part):
    """A message or part in canonical form: what has to be equal."""
    fields = sorted((name.lower(), " ".join(str(value).split())) for name, value in part.items()
                    if name.lower() not in ("date", "message-id", "mime-version", "content-transfer-encoding",
                                            "content-type", "content-disposition"))
    kind = dict(part["Content-Type"].params) if part["Content-Type"] else {}
    kind.pop("boundary", None)
    if "charset" in kind:
        kind["charset"] = kind["charset"].lower()
    disposition = part["Content-Disposition"]
    about = (part.get_content_type(), sorted(kind.items()),
             (disposition.content_disposition, sorted(disposition.params.items())) if disposition else None)
    if part.is_multipart():
        return fields, about, [shape(child) for child in part.iter_parts() or []]
    body = content(part)
    return fields, about, body.rstrip("\n") if isinstance(body, str) else body  # the text ends where its page does


class Checks:
    def __init__(self):
        self.failed = 0

    def is_(self, name, got, expected):
        if got == expected:
            print("ok " + name)
        else:
            print("not ok %s: got %.1500r, expected %.1500r" % (name, got, expected))

    def many(self, name, failures, count):
        if failures or not count:
            print("not ok %s: %d of %d: %s" % (name, len(failures), count, "; ".join(failures[:SHOWN])))
        else:
            print("ok %s" % name)


# --- every form ---------------------------------------------------------------------------------

PICTURE = bytes(range(256)) * 5
HEAD = '<From realName="Ann Müller">ann@example.org</From><To realName="B, &quot;C&quot;">b@example.org</To>'


def check_mail(client, checks):
    raw = client.append(
        "<EMail>" + HEAD + "<Cc>c@example.org</Cc><bcc>hidden@example.org</bcc><SUBJECT>Grüße – %s</SUBJECT>"
        "<References>1@x &lt;2@x&gt;</References>"
        '<MIME type="multipart" subtype="mixed"><MIME type="multipart" subtype="related">'
        '<MIME type="multipart" subtype="alternative"><MIME type="text" subtype="plain">Zürich&#10;</MIME>'
        '<MIME type="text" subtype="html">&lt;img src="cid:p@x">日本語</MIME></MIME>'
        '<MIME uploadID="pic" disposition="inline" contentID="p@x"/></MIME>'
        '<MIME uploadID="pic" disposition-filename="%s"/><MIME uploadID="text"/>'
        '<MIME type="image" subtype="jpeg" fileName="private/MyFile.jpg" disposition-filename="photo.jpg"/>'
        '<copyMIME folder="T" UID="1"/></MIME></EMail>' % ("lang " * 30, "ñ" * 100 + ".gif"))
    checks.is_("any transport takes it, and the other parser finds no fault", faults(raw), [])
    message = parse(raw)
    checks.is_("the header", (
        [(address.display_name, address.addr_spec) for address in message["From"].addresses +
         message["To"].addresses], message["Subject"], message["References"], message["Bcc"],
        len(message.get_all("Date")), len(message.get_all("Message-ID"))),
        ([("Ann Müller", "ann@example.org"), ('B, "C"', "b@example.org")], "Grüße – " + ("lang " * 30).strip(),
         "<1@x> <2@x>", None, 1, 1))
    checks.is_("nothing of the Bcc", b"hidden" in raw, False)
    parts = [(part.get_content_type(), part.get_filename(), part.get_content_disposition(),
              None if part.is_multipart() else content(part)) for part in message.walk()]
    checks.is_("the parts", parts, [
        ("multipart/mixed", None, None, None), ("multipart/related", None, None, None),
        ("multipart/alternative", None, None, None), ("text/plain", None, None, "Zürich\n"),
        ("text/html", None, None, '<img src="cid:p@x">日本語'),
        ("image/gif", "Bild ü.gif", "inline", PICTURE),
        ("image/gif", "ñ" * 100 + ".gif", "attachment", PICTURE),
        ("text/plain", "a.txt", "attachment", "one\ntwo\n"),
        ("image/jpeg", "photo.jpg", "attachment", b"a stored file"),
        ("message/rfc822", None, None, None), ("text/plain", None, None, "first")])
    status, body = client.sync('<folderReopen id="o" folder="W"/><folderRead id="r" folder="W" UID="2"/>')
    checks.is_("our own reader sees the same file names", re.findall('Disposition-filename="([^"]*)"', body.decode()),
               ["Bild ü.gif", "ñ" * 100 + ".gif", "a.txt", "photo.jpg"])


HOSTILE = ["a\r\nX-Evil: 1", "a\nX-Evil: 1", "a\rX-Evil: 1", "a\r\n\r\nbody", "=?utf-8?Q?=0D=0AX-Evil:_1?=",
           "=?utf-8?B?DQpYLUV2aWw6IDE=?=", 'a"; x-evil="1', "a>\r\nX-Evil: 1 <b", "a@b, evil@x.y", "(a", '"a', "a\\",
           "\u2028X-Evil: 1\x85X-Evil: 1", "é\r\nX-Evil: 1", "a" * 1000000, "é " * 300000, "\r\n" * 300000]
PART_ATTRIBUTES = ["type", "subtype", "charset", "disposition", "contentID", "description", "location", "class",
                   "format", "Type-name", "Type-x", "Disposition-filename", "Disposition-y", "uploadID", "fileName",
                   "partID", "estimatedSize"]
FIELDS = ["From", "To", "Cc", "Reply-To", "Sender", "Subject", "X-Mailer", "Message-ID", "Date", "References",
          "In-Reply-To", "Pty", "Disposition-Notification-To", "Resent-To", "Comments"]
OWN = {"x-name", "from", "to", "cc", "reply-to", "sender", "subject", "x-mailer", "message-id", "date", "references",
       "in-reply-to", "x-priority", "disposition-notification-to", "resent-to", "comments", "mime-version",
       "content-type", "content-transfer-encoding", "content-disposition", "content-id", "content-description",
       "content-location", "content-class"}


def reference(text):
    """TEXT for an attribute or an element: controls as references, so that XML keeps them."""
    return re.sub("[\r\n\x85\u2028]", lambda found: "&#%d;" % ord(found.group()), escape(text, {'"': "&quot;"}))


def injected(client, mail):
    """What is wrong with the mail made of MAIL, which holds a hostile value; "" when it is refused or harmless."""
    raw = client.append("<EMail>%s</EMail>" % mail)
    if isinstance(raw, str):
        return "" if raw in ("501", "502", "510", "514", "519", "521") else "error " + raw
    found = unfit(raw)
    # the strict policy takes minutes for a megabyte
    message = parse(raw) if len(mail) < 10000 else email.message_from_bytes(raw)
    found += ["field " + name for name in message.keys() if name.lower() not in OWN]
    if len(message.keys()) != len(set(name.lower() for name in message.keys())):
        found.append("a field twice")
    if len(mail) < 10000:
        found += ["%s of more than a line" % name for name, value in message.items() if re.search("[\r\n]", value)]
    if message.is_multipart():
        found.append("parts")
    head = raw.split(b"\r\n\r\n", 1)[0]
    if not all(re.match(rb"[!-9;-~]+:| ", line) for line in head.split(b"\r\n")) or b"\nX-Evil" in head:
        found.append("a line that is no field")
    return ", ".join(found)


def check_injection(client, checks):
    failures = []
    count = 0
    for value in HOSTILE:
        text = reference(value)
        mails = ['<MIME %s="%s">text</MIME>' % (name, text) for name in PART_ATTRIBUTES]
        mails += ['<MIME uploadID="text" %s="%s"/>' % (name, text) for name in PART_ATTRIBUTES if name != "uploadID"]
        mails += ['<%s>%s</%s>' % (name, text, name) for name in FIELDS]
        mails += ['<%s realName="%s">a@example.org</%s>' % (name, text, name) for name in FIELDS[:5]]
        mails += ['<Date timeShift="%s">20200101T000000Z</Date>' % text, "<MIME>%s</MIME>" % text]
        mails += ['<copyMIME folder="%s" UID="1"/>' % text, '<copyMIME folder="T" UID="%s"/>' % text,
                  '<copyMIME folder="T" UID="1" partID="%s"/>' % text]
        for mail in mails:
            count += 1
            problem = injected(client, mail)
            if problem:
                failures.append("%.80s: %s" % (mail, problem))
    checks.many("no attribute and no element smuggles anything (%d mails)" % count, failures, count)
    names = ['X-Evil:', 'a b', 'é', 'x' * 200, 'Content-Type', 'MIME-Version']
    errors = [client.error('<messageAppend id="1" folder="W"><EMail><%s>x</%s></EMail></messageAppend>' % (name, name))
              if re.match(r"[\w.-]+$", name) else "521" for name in names]
    checks.is_("names of fields are checked", errors, ["521"] * len(names))
    attributes = ["flags", "internalDate", "mailboxClass", "targetMailbox", "replacesUID", "checkOld", "report"]
    answers = {client.error('<messageAppend id="1" targetMailbox="T2" mailboxClass="" %s="%s"><EMail/></messageAppend>'
                            .replace('targetMailbox="T2" ', "" if name == "targetMailbox" else 'targetMailbox="T2" ')
                            .replace('mailboxClass="" ', "" if name == "mailboxClass" else 'mailboxClass="" ')
                            % (name, reference(value)))
               for name in attributes for value in HOSTILE[:10]}
    checks.is_("attributes of the request are refused or harmless", answers - {"501", "516", "510", None}, set())


def forms(url, user, password):
    client = Client(url, user, password)
    checks = Checks()
    client.open("W", "T")
    client.upload("pic", "Bild ü.gif", "image/gif", PICTURE)
    client.upload("text", "a.txt", "text/plain; charset=utf-8", b"one\ntwo\n")
    client.do('<fileWrite id="f" fileName="private/MyFile.jpg">a stored file</fileWrite>')
    client.append("<EMail><Subject>first</Subject><MIME>first</MIME></EMail>")
    check_mail(client, checks)
    check_injection(client, checks)
    return 0


# --- the examples of the protocol text ----------------------------------------------------------

def examples(url, user, password, path):
    client = Client(url, user, password)
    checks = Checks()
    with open(path, encoding="utf-8") as file:
        text = file.read()
    section = text[text.index("\nmessageAppend\nThis operation tells"):text.index("\nmessageSubmit\nThis operation")]
    requests = re.findall(r"C:(<messageAppend .*?</messageAppend>)", section, re.S)
    places = [section.index(request) for request in requests] + [len(section)]
    results = [re.search(r"adds the following message to the Mailbox:\n(.*?)(?=\nTo create|\Z)", section[start:end], re.S)
               for start, end in zip(places, places[1:])]
    checks.is_("the text has six examples", len(requests), 6)
    gif = base64.b64decode("".join(re.search(r"\n(R0lG.*?)\n\n", section, re.S).group(1).split()))
    pdf = b"%PDF-1.2 any\0bytes"
    client.upload("att01", "test.gif", "image/gif", gif)
    client.upload("att02", "sample.pdf", "application/octet-stream", pdf)
    client.do('<fileWrite id="f" fileName="private/MyFile.jpg">JPEG</fileWrite>')
    client.open("W", "T")
    client.append('<EMail><MIME type="multipart"><MIME>1</MIME><MIME>2</MIME>'
                  '<MIME uploadID="att01"/><MIME uploadID="att02"/></MIME></EMail>')
    client.do('<mailboxCreate id="m" mailbox="Notes"/>')
    for number, request in enumerate(requests, 1):
        run_example(client, checks, number, request, results[number - 1], pdf)
    return 0


def run_example(client, checks, number, request, result, pdf):
    mailbox = re.search(r'(?:targetMailbox|folder)="(\w+)"', request).group(1)
    signed = "sign=" in request
    client.do('<mailboxRename id="m" mailbox=%s newName="Old %d"/>' % (quoteattr(mailbox), number))
    if 'mailboxClass' not in request:
        client.do("<mailboxCreate id=\"m\" mailbox=%s/>" % quoteattr(mailbox))
    if "folder=" in request.split(">")[0]:
        client.open(mailbox, mailbox)
    if "copyMIME" in request:
        client.open("INBOX", "T")
        request = request.replace('UID="156"', 'UID="1"')
    reply = client.do(request)
    checks.is_("example %d: the response" % number, reply[-1].get("errorNum"), "523" if signed else None)
    if signed:
        return
    if "report=" in request:
        checks.is_("example %d: messageAdded" % number, (reply[0].tag, reply[0].get("folder"), reply[0].get("UID")),
                   ("messageAdded", mailbox, "1"))
    client.do('<folderClose id="c" folder=%s/>' % quoteattr(mailbox))
    raw = client.raw(mailbox, "1")
    checks.is_("example %d: no fault" % number, faults(raw), [])
    if result is None:
        kinds = [(part.get_content_type(), part.get_filename(), part.get_content_disposition())
                 for part in parse(raw).iter_attachments()]
        expected = ([("image/gif", "test.gif", "attachment"), ("application/octet-stream", "sample.pdf", "attachment")]
                    if "copyMIME" in request else [("image/jpeg", "photo.jpg", "attachment")])
        checks.is_("example %d: the attachments" % number, kinds, expected)
    else:
        checks.is_("example %d: the message of the text" % number, shape(parse(raw)),
                   shape(parse(printed(result.group(1), pdf))))


def printed(text, pdf):
    """The message that the text shows: what was left out of it is put in, and remarks about it go."""
    text = re.sub(r"\n\(there is a trailing space.*", "", text, flags=re.S)
    text = text.replace("long superlong\n", "long superlong \n")
    text = re.sub(r"\nJVBER.*?\n\n", lambda _: "\n" + base64.b64encode(pdf).decode() + "\n\n", text, flags=re.S)
    return text.replace("\n", "\r\n").encode()


# --- every message of the corpora, copied -------------------------------------------------------

def normalised(data):
    """Line ends as a copy has them: CRLF for LF, and for CR where there is no LF at all."""
    if b"\n" not in data:
        return data.replace(b"\r", b"\r\n")
    return re.sub(rb"(?<!\r)\n", b"\r\n", data)


def fit(data):
    """Whether a transport takes DATA, with its line ends made CRLF, as it is."""
    data = normalised(data)
    return not re.search(rb"\r(?!\n)|\0", data) and all(len(line) <= 998 for line in data.split(b"\r\n"))


def strip(element):
    """An element without what depends on where its message lies. Empty lines do: "=0D" before a LF is one line end, before
    the CRLF that comes of it two."""
    for part in element.iter():
        part.text = part.text and re.sub("\n+", "\n", part.text)
        for name in ("partID", "estimatedSize", "parseError"):
            part.attrib.pop(name, None)
    return tree.tostring(element)


def depth(element):
    return 1 + max((depth(child) for child in element), default=0)


def comparable(data, original):
    """Whether the tree cannot depend on what is around the message: at the limits of nesting and of parts it is cut one
    earlier, and a last boundary without its dashes begins a part when something follows."""
    last = data.rstrip(b"\r\n").rpartition(b"\n")[2].rstrip()
    limited = depth(original) > 90 or len(list(original.iter())) > 9000
    return not limited and not (last.startswith(b"--") and not last.endswith(b"--"))


def email_of(client, folder, uid, part=""):
    _, body = client.sync('<folderRead id="r" folder="%s" UID="%d"%s/>' % (folder, uid, part))
    message = tree.fromstring(body).find("folderMessage")
    return None if message is None else message.find("EMail")


def copy_one(client, folder, uid, data, failures):
    """Copies a message as one of two parts; returns whether it went as message/rfc822."""
    where = "%s %d" % (folder, uid)
    raw = client.append('<EMail><MIME type="multipart"><MIME>text</MIME><copyMIME folder="%s" UID="%d"/></MIME></EMail>'
                        % (folder, uid))
    if isinstance(raw, str):
        failures["bytes"].append("%s: error %s" % (where, raw))
        return False
    boundary = re.search(rb'boundary="([^"]+)"', raw).group(1)
    pieces = raw.split(b"\r\n--" + boundary)
    head, body = pieces[2][2:].split(b"\r\n\r\n", 1) if len(pieces) == 4 else (b"", b"")
    plain = head.startswith(b"Content-Type: message/rfc822")
    expected = normalised(data) if plain else data
    if plain != fit(data) or (body if plain else base64.b64decode(body)) != expected:
        failures["bytes"].append(where)
    if re.search(rb"\r(?!\n)|(?<!\r)\n|\0", raw) or any(len(line) > 998 for line in raw.split(b"\r\n")):
        failures["transport"].append(where)
    if plain:
        copied = client.do('<folderReopen id="o" folder="W"/>')
        mine = email_of(client, "W", int(copied[0].get("messages")))
        original = email_of(client, folder, uid)
        inner = None if mine is None else mine.find("./MIME/MIME[2]/EMail")
        if comparable(data, original) and (inner is None or strip(inner) != strip(original)):
            failures["tree"].append(where)
    return plain


def copy_all(url, staged, user, password):
    client = Client(url, user, password)
    checks = Checks()
    client.open("W", "T")
    failures = {"bytes": [], "transport": [], "tree": []}
    count = plain = 0
    for folder in sorted(os.listdir(staged)):
        if folder == "mbox":
            continue
        names = sorted(os.listdir(os.path.join(staged, folder)))
        client.open(folder, folder, False)
        for uid, name in enumerate(names, 1):
            with open(os.path.join(staged, folder, name), "rb") as file:
                plain += copy_one(client, folder, uid, file.read(), failures)
            count += 1
        client.do('<folderClose id="c" folder="%s"/>' % folder)
    checks.many("copies are the same bytes but for line ends (%d, %d of them in base64)" % (count, count - plain),
                failures["bytes"], count)
    checks.many("any transport takes them", failures["transport"], count)
    checks.many("the trees are the same", failures["tree"], plain)
    return 0


if __name__ == "__main__":
    commands = {"forms": forms, "examples": examples, "corpora": copy_all}
    sys.exit(commands[sys.argv[1]](*sys.argv[2:]))
