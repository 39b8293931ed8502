"""Hostile clients: hostile.py SECONDS SEED, with HOSTILE_PORT, HOSTILE_LMTP, HOSTILE_OPS (lib/op/ops.c) and HOSTILE_IDS (a
file that gets the urlIDs) in the environment.

Several threads, each with a session of its own and random numbers that the seed fixes, send mutated requests of every
operation, uploads, URLs and LMTP dialogues. Prints what an answer must not be, a line each, and at the end how much was
sent. WORD stands in the mail of another account, and in no answer. With HOSTILE_DAMAGED the store is damaged: internal
errors may be, and mail that is gone."""

import http.client
import os
import random
import re
import socket
import sys
import threading
import time
import xml.etree.ElementTree as tree
from xml.sax.saxutils import escape, quoteattr

WORD = b"word-of-the-victim"
PORT, LMTP = int(os.environ["HOSTILE_PORT"]), int(os.environ["HOSTILE_LMTP"])
SECRET = "Hush-7c1"
DAMAGED = "HOSTILE_DAMAGED" in os.environ
INJECT = "\r\nInjected-7c1: x"

# What stands for a number, a name, an address or a text.
VALUES = [
    "", "0", "1", "2", "-1", "-0", "+1", " 1", "1 ", "1.5", "1e9", "0x10", "2147483647", "2147483648", "4294967295",
    "4294967296", "9223372036854775807", "-9223372036854775808", "99999999999999999999999", "NaN", "yes", "all",
    "INBOX", "inbox", "Sent", "Drafts", "in", "in/", "~", "~/", "~other@example.org/INBOX", "~other/INBOX", "~nobody/x",
    "~user@example.org/Sent", "../INBOX", "a/../../../etc/7c1", "/", "//", "a//b", ".", "..", "./7c1", "7c1/x", "\\..\\7c1",
    "a" * 300, "\u00e9" * 300, "x/" * 600, "'; DROP TABLE message;--", '" OR 1=1 --', "%s%n%d", "*", "%", "*a" * 40 + "b",
    "Subject", "From", "FLAGS", "E-From", "INTERNALDATE", "UID", "Seen", "Seen,Deleted", "-Seen", "Media,,", "asc", "desc",
    "a@example.com", "other@example.org", "user@example.org", "<a@b>", "a@b,c@d", "a b@example.com", "@", "a@", "-oQ/tmp/7c1",
    "-X/tmp/7c1@example.com", "|/bin/sh@example.com", '"a\\"@example.com', "a@[127.0.0.1]", "nobody@example.org",
    "user+../x@example.org", INJECT, "x" + INJECT, "a@example.com" + INJECT, "x\nInjected-7c1: x", "x\rInjected-7c1: x",
    "=?utf-8?Q?a=0D=0AInjected-7c1:_x?=", "=?utf-7?Q?+AA0ACg-?=", "=?utf-8?B?" + "A" * 400, "\u202e\u2028\ufeff\ufffd",
    "\U0001f600", "e" + "\u0301" * 200, "text/html", "message/rfc822", "multipart", "..\u2215", "replyAll", "forwardHTML",
    "P", "01", "01-02", "E", "99-99-99", "20200101T000000Z", "99999999T999999Z", "Europe/Berlin", "up1", "up2", "file.txt",
    "private/f", "private", "binary", "vcard", "add", "SendMDNMode", "Automatically", SECRET, "x" * 70000, "y " * 50000,
]
# Bytes that are not XML, or not UTF-8.
RAW = [b"&#0;", b"&#x0;", b"&#xD800;", b"&#xFFFE;", b"&#x110000;", b"&#1;", b"&#;", b"&x;", b"&", b"<", b"\xff\xfe", b"\xc0\x80",
       b"\xed\xa0\x80", b"\xf8\x88\x80\x80\x80", b"\x00", b"\x01", b"]]>", b'"', b"<!--", b"<![CDATA[", b"&#13;&#10;", b"&lt;"]

MAIL = ("EMail", {}, [("From", {}, ["user@example.org"]), ("To", {"realName": "A"}, ["a@example.com"]),
                      ("Bcc", {}, ["other@example.org"]), ("Subject", {}, ["hello"]), ("X-Mailer", {}, ["x"]),
                      ("Reply-To", {}, ["r@example.com"]), ("Date", {"timeShift": "3600"}, ["20200101T000000Z"]),
                      ("Sender", {}, ["user@example.org"]), ("References", {}, ["<2@x> <3@x>"]), ("Pty", {}, ["High"]),
                      ("Message-ID", {}, ["<1@example.org>"]),
                      ("MIME", {"type": "multipart", "subtype": "mixed", "charset": "utf-8"}, [
                          ("MIME", {"type": "text", "subtype": "plain", "charset": "utf-8"}, ["text"]),
                          ("MIME", {"uploadID": "up1", "disposition": "attachment", "Type-name": "n",
                                    "Disposition-filename": "x", "contentID": "c@x", "description": "d"}, []),
                          ("MIME", {"fileName": "private/f"}, []),
                          ("copyMIME", {"folder": "in", "UID": "1", "partID": "01"}, [])])])
# Requests that make sense, to begin with.
SENSE = [
    ("folderOpen", {"folder": "in", "mailbox": "INBOX", "sortField": "Date", "sortOrder": "desc", "filter": "a",
                    "filterField": "Subject", "mailboxClass": "IPF.Note"}, [("field", {}, ["Subject"]), ("field", {}, ["E-From"])]),
    ("folderReopen", {"folder": "in", "sortField": "From"}, []),
    ("folderSync", {"folder": "in", "limit": "5"}, []),
    ("folderBrowse", {"folder": "in"}, [("index", {"from": "0", "till": "9"}, []), ("UID", {"from": "1", "till": "5"}, [])]),
    ("folderRead", {"folder": "in", "UID": "1", "partID": "01", "mode": "replyAll", "totalSizeLimit": "1000"}, []),
    ("folderRead", {"folder": "in", "UID": "3", "mode": "forwardHTML"}, []),
    ("folderExpunge", {"folder": "in"}, []), ("folderClose", {"folder": "in"}, []),
    ("messageMark", {"folder": "in", "flags": "Seen,Flagged", "UID": "1"}, [("UID", {"from": "1", "till": "3"}, [])]),
    ("messageRemove", {"folder": "in", "mode": "Immediately"}, [("UID", {}, ["9999"])]),
    ("messageCopy", {"folder": "in", "targetMailbox": "Sent"}, [("UID", {}, ["1"])]),
    ("messageMove", {"folder": "in", "targetMailbox": "Sent"}, [("UID", {}, ["9998"])]),
    ("messageAppend", {"targetMailbox": "Drafts", "flags": "Draft", "internalDate": "20200101T000000Z"}, [MAIL]),
    ("messageSubmit", {"targetMailbox": "Sent", "useDSN": "yes"}, [MAIL, ("Envelope-To", {}, ["b@example.com"])]),
    ("messageRedirect", {"folder": "in", "UID": "1"}, [("To", {"realName": "R"}, ["a@example.com"])]),
    ("messageForward", {"folder": "in", "UID": "2"}, [("To", {"realName": "R"}, ["a@example.com"])]),
    ("messageConfirm", {"folder": "in", "UID": "3", "type": "manual"}, []),
    ("mailboxList", {"filter": "*"}, []), ("mailboxCreate", {"mailbox": "box", "mailboxClass": "IPF.Note"}, []),
    ("mailboxRename", {"mailbox": "box", "newName": "box2"}, []), ("mailboxRemove", {"mailbox": "box2"}, []),
    ("fileWrite", {"fileName": "private/f", "type": "vcard"}, ["text"]),
    ("fileWrite", {"fileName": "g"}, [("base64", {}, ["AAAA"])]),
    ("fileWrite", {"fileName": "c"}, [("vCardGroup", {}, [("vCard", {}, [("N", {}, [("FAMILY", {}, ["x"])])])])]),
    ("fileRead", {"fileName": "private/f", "position": "1", "limit": "2", "type": "binary"}, []),
    ("fileStore", {"fileName": "h", "uploadID": "up1"}, []), ("fileList", {"directory": "private", "position": "0"}, []),
    ("fileDirInfo", {"directory": "private"}, []), ("fileDirCreate", {"fileName": "dir/x"}, []),
    ("fileRename", {"fileName": "h", "newName": "i"}, []), ("fileRemove", {"fileName": "i"}, []),
    ("fileAttrRead", {"fileName": "private/f"}, []),
    ("fileAttrWrite", {"fileName": "private/f"}, [("accessPwd", {}, [("key", {}, [SECRET])])]),
    ("fileSubList", {}, []), ("fileSubUpdate", {}, [("fileSubscription", {"fileName": "x", "mode": "add"}, [])]),
    ("prefsRead", {"type": "custom"}, [("name", {}, ["TimeZone"])]),
    ("prefsStore", {}, [("SendMDNMode", {}, ["Automatically"]), ("Signature", {}, ["-- \n x"]),
                        ("Own", {}, [("subValue", {}, ["a"]), ("subKey", {"key": "k"}, ["b"])])]),
    ("clearUploaded", {"uploadID": "up2"}, []), ("readTime", {}, []), ("readStatus", {}, []), ("listKnownValues", {}, []),
    ("readStrings", {"language": "german"}, []), ("setSessionOption", {"name": "x"}, ["y"]), ("setClientName", {"name": "x"}, []),
    ("emptyTrash", {}, []), ("noop", {}, []), ("passwordModify", {"oldPassword": SECRET, "newPassword": SECRET}, []),
]


def names_of(element, names):
    names.update(element[1])
    for child in element[2]:
        if isinstance(child, tuple):
            names_of(child, names)
    return names


with open(os.environ["HOSTILE_OPS"]) as ops:
    OPERATIONS = [name for name in re.findall(r'^ +\{"(\w+)"', ops.read(), re.M) if name not in ("bye", "login")]
ATTRIBUTES = sorted(set().union(*(names_of(element, set()) for element in SENSE)))


class Hostile(threading.Thread):
    def __init__(self, number, end, wrong):
        super().__init__(daemon=True)
        self.random = random.Random("%s %d" % (sys.argv[2], number))
        self.end, self.wrong = end, wrong
        self.connection, self.session, self.sent, self.ids = None, None, 0, []

    # ---- requests ----

    def ask(self, method, path, body=None, headers=None):
        """(status, body) of an answer; (0, b"") when the connection broke. An old one may have been closed meanwhile."""
        old = self.connection is not None
        status, data = self.once(method, path, body, headers)
        return self.once(method, path, body, headers) if status == 0 and old else (status, data)

    def once(self, method, path, body, headers):
        self.sent += 1
        try:
            if self.connection is None:
                self.connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=60)
            self.connection.putrequest(method, path, skip_accept_encoding=True)
            headers = dict(headers or {})
            if body is not None and "Content-Length" not in headers:
                headers["Content-Length"] = str(len(body))
            for name, value in headers.items():
                self.connection.putheader(name, value)
            self.connection.endheaders(body)
            answer = self.connection.getresponse()
            data = answer.read()
            if answer.will_close:
                self.connection = None
            return answer.status, data
        except (OSError, http.client.HTTPException):
            self.connection = None
            return 0, b""

    def complain(self, what, request, answer):
        self.wrong.append("%s\n    request: %r\n    answer: %r" % (what, request[:3000], answer[:600]))

    def judge(self, request, status, data, expected=(200,)):
        if WORD in data:
            self.complain("the mail of another", request, data)
        if status == 550:
            self.session = None
        elif status not in expected and not (DAMAGED and status == 500):
            self.complain("status %d" % status, request, data)
        elif status == 200:
            self.judge_reply(request, data)

    def judge_reply(self, request, data):
        try:
            root = tree.fromstring(data.decode())
        except (tree.ParseError, UnicodeDecodeError) as error:
            return self.complain("not XML: %s" % error, request, data)
        for response in root.iter("response"):
            if (response.get("errorNum") == "590" and not DAMAGED) or (response.get("errorNum") and not response.get("errorText")):
                self.complain("an internal error", request, data)

    def login(self):
        status, data = self.ask("POST", "/XIMSSLogin/?errorAsXML=1", b"userName=user@example.org&password=" + SECRET.encode())
        found = re.search(rb'urlID="([^"]*)"', data)
        if found is None:
            self.complain("no login, status %d" % status, b"", data)
            return time.sleep(1)
        self.session = found.group(1).decode()
        self.ids.append(self.session)
        self.ask("POST", self.path("sync"), self.document([SENSE[0]]))

    def path(self, rest):
        return "/Session/%s/%s" % (self.session, rest)

    # ---- documents ----

    def value(self):
        if self.random.random() < 0.001:
            return self.random.choice("a\u00e9 ") * 1000000
        return self.random.choice(VALUES)

    def mutate(self, element):
        """ELEMENT with something else in it, mostly further down."""
        name, attributes, children = element[0], dict(element[1]), list(element[2])
        inner = [i for i, child in enumerate(children) if isinstance(child, tuple)]
        if inner and self.random.random() < 0.5:
            i = self.random.choice(inner)
            children[i] = self.mutate(children[i])
            return name, attributes, children
        kind = self.random.randrange(9)
        if kind <= 2 and attributes:
            attributes[self.random.choice(sorted(attributes))] = self.value()
        elif kind <= 4:
            attributes[self.random.choice(ATTRIBUTES)] = self.value()
        elif kind == 5:
            children = [self.value()]
        elif kind == 6 and children:
            children = [self.random.choice(children)] * self.random.choice([2, 3, 50])
        elif kind == 7 and attributes:
            del attributes[self.random.choice(sorted(attributes))]
        else:
            children.insert(0, self.random.choice(SENSE + [MAIL, ("x", {}, []), MAIL[2][-1]]))
        return name, attributes, children

    def write(self, element):
        name, attributes, children = element
        text = ["<", name] + [" %s=%s" % (key, quoteattr(value, {"\r": "&#13;", "\n": "&#10;"}))
                              for key, value in attributes.items()] + [">"]
        for child in children:
            text.append(self.write(child) if isinstance(child, tuple) else escape(child, {"\r": "&#13;"}))
        return "".join(text + ["</", name, ">"])

    def document(self, requests):
        text = "".join(self.write((name, dict({"id": str(i)}, **attributes), children))
                       for i, (name, attributes, children) in enumerate(requests))
        return ("<XIMSS>%s</XIMSS>" % text).encode()

    def request(self):
        if self.random.random() < 0.2:
            element = (self.random.choice(OPERATIONS), {}, [])
            for _ in range(self.random.randrange(5)):
                element[1][self.random.choice(ATTRIBUTES)] = self.value()
        else:
            element = self.random.choice(SENSE)
        for _ in range(self.random.choice([0, 1, 1, 2, 4])):
            element = self.mutate(element)
        return element

    def batch(self):
        body = self.document([self.request() for _ in range(self.random.choice([1, 1, 2, 6]))])
        query = self.random.choice(["", "", "", "?reqSeq=" + self.random.choice(["1", "-1", "x", "99999999999999999999"])])
        status, data = self.ask("POST", self.path("sync" + query), body, {"Content-Type": "text/xml"})
        self.judge(body, status, data, (200, 400, 413) if query else (200, 413))

    def broken(self):
        """A document that is none, or hardly one."""
        body = self.document([self.request()])
        kind = self.random.randrange(8)
        if kind <= 3:
            at = self.random.randrange(len(body))
            body = body[:at] + self.random.choice(RAW) + body[at + self.random.randrange(2):]
        elif kind == 4:
            body = body[:self.random.randrange(len(body))]
        elif kind == 5:
            count = self.random.choice([60, 100, 50000])
            body = b"<XIMSS>" + b"<a>" * count + b"</a>" * count + b"</XIMSS>"
        elif kind == 6:
            body = (b"<XIMSS><noop " + b" ".join(b'a%d="1"' % i for i in range(100)) + b"/><noop id='1' id='2'/></XIMSS>")
        else:
            body = (b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b SYSTEM "file:///etc/passwd">]>' + body).replace(b"hello", b"&a;&b;")
        status, data = self.ask("POST", self.path("sync"), body)
        self.judge(body, status, data, (200, 400, 413))

    # ---- uploads and URLs ----

    def upload(self):
        name = self.random.choice(["up1", "up2", "..", "../7c1", "%2e%2e%2f7c1", "a%00b", "%ff", "x" * 3000, "", "~", "a/b"])
        head = self.random.choice(['name="fileData"; filename="%s"', 'name=fileData; filename*=utf-8\'\'%s', 'name="fileData"',
                                   'name="x"; filename="%s"', 'filename="%s"', "name*0=file; name*1=Data", "\0\xff%s"])
        value = self.value()[:5000].replace("\r", "%0D").replace("\n", "%0A")
        head = (head % value if "%s" in head else head).encode("utf-8", "replace")
        body = (b"--b\r\nContent-Disposition: form-data; " + head + b"\r\nContent-Type: " +
                self.value()[:300].replace("\n", " ").encode("utf-8", "replace") + b"\r\n\r\n" +
                self.random.choice([b"x", b"\r\n--b", b"\r\n--b--x", os.urandom(0) + b"\0" * 70000]) + b"\r\n--b--\r\n")
        headers = {"Content-Type": self.random.choice(["multipart/form-data; boundary=b", 'multipart/form-data; boundary="b"',
                                                       "multipart/form-data", "multipart/form-data; boundary=" + "b" * 200,
                                                       "text/plain", "x", "message/rfc822"])}
        if self.random.random() < 0.5:
            at = self.random.randrange(len(body))
            body = body[:at] + self.random.choice(RAW) + body[at + self.random.randrange(9):]
        if self.random.random() < 0.1:
            headers["Content-Length"] = self.random.choice(["99999999999999999999", "-1", "x", "9223372036854775807", "2147483647"])
            body = b""
        status, data = self.ask("POST", self.path("UPLOAD/" + name), body, headers)
        allowed = (0, 400, 413, 507) if "Content-Length" in headers else (200, 400, 403, 404, 413, 414)
        if status == 200:
            data = b"<x/>" if not data else data
        self.judge(name.encode() + body, status, data, allowed)

    def url(self):
        segment = ["INBOX", "in", "1-P.txt", "1-01-B", "1-02-B/x.txt", "private", "f", "%00", "a%00b", "%2e%2e", "..", ".", "", "%2f",
                   "%c0%ae%c0%ae", "%ff", "%", "%4", "%zz", "~other@example.org", "~", "%7eother%40example.org", "7c1", "%0d%0aX:%20y",
                   "4294967296-P.txt", "-1-P", "99999999999999999999-01-B", "1-" + "01-" * 300 + "B", "x" * 2000, "etc", "passwd", ";", "?a=b",
                   "%5c..%5c", "%e2%80%ae", "%252e%252e"]
        count = self.random.choice([0, 1, 2, 3, 5]) if self.random.random() < 0.98 else 3000
        path = self.random.choice(["MIME", "DOWNLOAD", "mime", "FILE", "FORMAT", "sync", "get", "KILL2", "UPLOAD"])
        path = "/".join([path] + [self.random.choice(segment)[:2 if count > 9 else None] for _ in range(count)])
        if path.startswith("get"):
            path += "?maxWait=0&ackSeq=" + self.random.choice(["0", "-1", "x", "99999999999999999999", ""])
        headers = {}
        if self.random.random() < 0.5:
            headers["Range"] = "bytes=" + self.random.choice(["0-", "-1", "-0", "5-2", "0-0,0-0", ",".join(["0-"] * 900), "0-18446744073709551616",
                                                              "9223372036854775807-", "x", "-99999999999999999999", "1-1,2-2,3-3,0-"])
            headers["If-Range"] = self.random.choice(['"x"', "x", "", "Wed, 25 Nov 2026 00:00:00 GMT"])
        method = self.random.choice(["GET", "GET", "GET", "HEAD", "POST", "PUT", "OPTIONS", "X" * 100])
        status, data = self.ask(method, self.path(path), b"x" if method in ("POST", "PUT") else None, headers)
        if WORD in data:
            self.complain("the mail of another", path.encode(), data)
        if status == 550:
            self.session = None
        elif status not in (200, 204, 206, 304, 400, 403, 404, 405, 412, 413, 414, 416) and not (
                status == 501 and (path[:4] in ("FILE", "FORM") or method not in ("GET", "HEAD", "POST", "OPTIONS"))) and not (
                    status == 500 and DAMAGED):
            self.complain("status %d of %s" % (status, method), path.encode(), data)

    # ---- LMTP ----

    def dialogue(self):
        value = re.sub("[\r\n]|" + SECRET, " ", self.value()[:20000]).encode()
        line = self.random.choice([b"MAIL FROM:<%s>", b"RCPT TO:<%s>", b"LHLO %s", b"%s", b"MAIL FROM:<a@b> SIZE=%s", b"VRFY %s",
                                   b"RCPT TO:<user+%s@example.org>", b"MAIL FROM:<a@b> BODY=%s", b"BDAT %s LAST", b"NOOP %s"]) % value
        mail = self.random.choice([b"Subject: x\r\n\r\ny", b"", b"\0" * 100, b"a" * 300000, b"Subject: =?x?q?" + value + b"\r\n.\rx\n.\n",
                                   b"Disposition-Notification-To: <" + value + b">\r\nReply-To: " + value + b"\r\n\r\n.\r\n",
                                   b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n" * 3000, b" folded first\r\n\r\n"])
        lines = [b"LHLO x", b"MAIL FROM:<a@example.com>", b"RCPT TO:<user@example.org>", b"DATA", mail.replace(b"\r\n.", b"\r\n..") + b"\r\n.",
                 b"RSET", b"QUIT"]
        lines.insert(self.random.randrange(len(lines)), line)
        if self.random.random() < 0.3:
            del lines[self.random.randrange(len(lines))]
        self.sent += 1
        try:
            with socket.create_connection(("127.0.0.1", LMTP), 60) as sock:
                sock.sendall(b"\r\n".join(lines) + b"\r\n")
                sock.shutdown(socket.SHUT_WR)
                data = b""
                while True:
                    more = sock.recv(65536)
                    if not more:
                        break
                    data += more
        except OSError:
            return
        for reply in data.split(b"\r\n")[:-1]:
            if not re.match(rb"[2345][0-9][0-9][ -][\x20-\x7e]{0,500}$", reply):
                self.complain("no reply of LMTP: %r" % reply, b"\r\n".join(lines), data)

    def run(self):
        acts = [self.batch] * 10 + [self.broken] * 2 + [self.upload] * 2 + [self.url] * 3 + [self.dialogue]
        while time.monotonic() < self.end and len(self.wrong) < 20:
            if self.session is None:
                self.login()
            else:
                self.random.choice(acts)()


def main():
    wrong = []
    end = time.monotonic() + float(sys.argv[1])
    threads = [Hostile(number, end, wrong) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with open(os.environ["HOSTILE_IDS"], "a") as file:
        file.writelines(session + "\n" for thread in threads for session in thread.ids)
    for line in wrong:
        print(line)
    print("sent %d requests in %d sessions" % (sum(thread.sent for thread in threads), sum(len(thread.ids) for thread in threads)))
    sys.exit(1 if wrong else 0)


main()
