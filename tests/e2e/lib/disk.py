"""Every write of every kind of change fails in turn: disk.py PORT LMTP-PORT FAULT-FILE ERRNO (see disk.c). Prints what is
wrong, a line each; at the end how often a change failed."""

import http.client
import re
import struct
import sys

from lmtp import Lmtp

PORT, LMTP, FAULT, ERRNO = int(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
MAIL = "<EMail><Subject>s</Subject><MIME type='text' subtype='plain'>%s</MIME></EMail>" % ("text " * 6000)
SUBMIT = ("<messageSubmit id='1' targetMailbox='Sent'><EMail><To>other@example.org</To><Subject>s</Subject><MIME>t</MIME></EMail>"
          "</messageSubmit>")
wrong, failures = [], 0


def set_fault(after):
    with open(FAULT, "r+b") as file:
        file.write(struct.pack("ii", after, ERRNO))


def left():
    with open(FAULT, "rb") as file:
        return struct.unpack("ii", file.read(8))[0]


class Client:
    def __init__(self):
        self.connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=60)
        data = self.post("/XIMSSLogin/?errorAsXML=1", b"userName=user@example.org&password=password")[1]
        self.session = re.search(r'urlID="([^"]*)"', data).group(1)

    def post(self, path, body, headers=None):
        self.connection.request("POST", path, body, headers or {})
        answer = self.connection.getresponse()
        return answer.status, answer.read().decode()

    def sync(self, text):
        """Whether the requests went well."""
        status, reply = self.post("/Session/%s/sync" % self.session, "<XIMSS>%s</XIMSS>" % text)
        if status != 200 or "<response" not in reply or ("errorNum" in reply and not re.search('errorText="[^"]', reply)):
            wrong.append("%d %s: %s" % (status, text[:60], reply[:200]))
        return "errorNum" not in reply

    def upload(self):
        status, reply = self.post("/Session/%s/UPLOAD/u" % self.session, b"x" * 100000)
        if status not in (200, 500, 507):
            wrong.append("upload: %d %s" % (status, reply))
        return status == 200

    def count(self, mailbox):
        status, reply = self.post("/Session/%s/sync" % self.session,
                                  "<XIMSS><mailboxList id='1' filter='%s'/></XIMSS>" % mailbox)
        found = re.search(' MESSAGES="([0-9]+)"', reply)
        if found is None:
            wrong.append("list %s: %d %s" % (mailbox, status, reply))
            return -1
        return int(found.group(1))

    def size(self, name):
        reply = self.post("/Session/%s/sync" % self.session, "<XIMSS><fileList id='1' fileName='%s'/></XIMSS>" % name)[1]
        found = re.search(' size="([0-9]+)"', reply)
        return int(found.group(1)) if found is not None else 0


def deliver():
    client = Lmtp(LMTP)
    replies = client.deliver("a@example.com", ["user@example.org"], b"Subject: x\n\n" + b"text " * 6000 + b"\n")
    if not re.match("[245][0-9][0-9] ", replies[-1]):
        wrong.append("LMTP: %r" % replies)
    return replies[-1].startswith("250 2.0.0")


def attempts(client):
    """Name, the change, a number that says what is there, and by how much the change moves it (0: it is not looked at)."""
    number = [0]

    def file_write():
        number[0] += 1
        return client.sync("<fileWrite id='1' fileName='f'>%s</fileWrite>" % ("x" * (30000 + number[0])))

    return [
        ("append", lambda: client.sync("<messageAppend id='1' targetMailbox='Drafts'>%s</messageAppend>" % MAIL),
         lambda: client.count("Drafts"), 1),
        ("submit", lambda: client.sync(SUBMIT), lambda: client.count("Sent"), 1),
        ("file", file_write, lambda: client.size("f") - number[0], None),
        ("preference", lambda: client.sync("<prefsStore id='1'><Signature>%s</Signature></prefsStore>" % ("x" * 9000)), None, 0),
        ("mark", lambda: client.sync("<messageMark id='1' folder='in' flags='Flagged'><UID>1</UID></messageMark>"), None, 0),
        ("copy", lambda: client.sync("<messageCopy id='1' folder='in' targetMailbox='Copies'><UID>1</UID></messageCopy>"),
         lambda: client.count("Copies"), 1),
        ("upload", client.upload, None, 0),
        ("delivery", deliver, lambda: client.count("INBOX"), 1),
    ]


def try_all(name, change, look, step):
    """The change, with a disk that fails after 0, 1, 2... writes, until it goes well before the disk fails."""
    global failures
    for after in range(200):
        before = look() if look is not None else 0
        set_fault(after)
        done = change()
        rest = left()
        set_fault(-1)
        failures += not done
        now = look() if look is not None else 0
        if step and now - before != (step if done else 0):
            wrong.append("%s, fault %d: %s, but from %d to %d" % (name, after, "done" if done else "refused", before, now))
        if step is None and done and now != 30000:
            wrong.append("%s, fault %d: done, but %d" % (name, after, now))
        if rest > 0:
            if not done:
                wrong.append("%s fails without a fault" % name)
            return
    wrong.append("%s: no end" % name)


def main():
    set_fault(-1)
    client = Client()
    client.sync("<mailboxCreate id='1' mailbox='Sent'/><mailboxCreate id='2' mailbox='Drafts'/><mailboxCreate id='3' mailbox='Copies'/>"
                "<folderOpen id='4' folder='in' mailbox='INBOX'/>")
    for attempt in attempts(client):
        try_all(*attempt)
    for line in wrong[:30]:
        print(line)
    print("a change failed %d times" % failures)
    sys.exit(1 if wrong or failures < 30 else 0)


main()
