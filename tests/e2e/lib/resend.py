"""Messages redirected and forwarded, for 420-resend.t.

resend.py send URL USER PASSWORD UIDS REDIRECT-TO FORWARD-TO
        redirects and forwards messages 1 to UIDS of INBOX; prints what was refused
resend.py redirected ORIGINALS COPIES
resend.py forwarded ORIGINALS COPIES
        compares folders of messages (UID.eml); prints what is not as it should be
"""
import base64
import http.client
import os
import re
import sys
import urllib.parse
import xml.etree.ElementTree as tree

SHOWN = 5


def send(url, user, password, uids, redirect_to, forward_to):
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(url).netloc, timeout=120)

    def get(path, body=None):
        connection.request("POST" if body else "GET", path, body, {"Content-Type": "text/xml"} if body else {})
        answer = connection.getresponse()
        return tree.fromstring(answer.read())

    query = urllib.parse.urlencode({"userName": user, "password": password, "errorAsXML": 1})
    session = "/Session/" + get("/XIMSSLogin/?" + query)[0].get("urlID") + "/sync"
    get(session, '<XIMSS><folderOpen id="o" folder="in" mailbox="INBOX"/></XIMSS>')
    for start in range(1, int(uids) + 1, 50):
        requests = "".join(
            f'<messageRedirect id="r{uid}" folder="in" UID="{uid}"><To>{redirect_to}</To></messageRedirect>'
            f'<messageForward id="f{uid}" folder="in" UID="{uid}"><To>{forward_to}</To></messageForward>'
            for uid in range(start, min(start + 50, int(uids) + 1)))
        for response in get(session, f"<XIMSS>{requests}</XIMSS>").iter("response"):
            if response.get("errorNum"):
                print(response.get("id"), response.get("errorText"))


def read(folder):
    for uid in range(1, len(os.listdir(folder)) + 1):
        with open(os.path.join(folder, f"{uid}.eml"), "rb") as file:
            yield uid, file.read()


def without_trace(data):
    """What is sent on: not the Return-Path and Delivered-To fields of the header, nor a "From " line in front."""
    data = re.sub(rb"\AFrom [^\n]*\n", b"", data)
    lines = re.split(rb"(?<=\n)", data)
    kept = []
    inside = True
    dropping = False
    for line in lines:
        if inside and line in (b"\n", b"\r\n"):
            inside = False
        dropping = inside and (re.match(rb"(?i)(return-path|delivered-to)[ \t]*:", line) is not None
                               or (dropping and line[:1] in (b" ", b"\t")))
        if not dropping:
            kept.append(line)
    return b"".join(kept)


def with_line_ends(data):
    """Mail with bare CRs only gets the line ends of mail."""
    return data if b"\n" in data else data.replace(b"\r", b"\r\n")


def redirected_ok(original, copy):
    head, found, rest = copy.partition(b"Resent-Message-ID: ")
    rest = rest.partition(b"\r\n")[2]
    return bool(found) and b"Resent-From: " in head and rest == without_trace(with_line_ends(original))


def lines(data):
    return data.replace(b"\r\n", b"\n")


def forwarded_ok(original, copy):
    boundary = re.search(rb'Content-Type: multipart/mixed;\s*boundary="([^"]*)"', copy).group(1)
    part = copy.split(b"--" + boundary)[1]
    header, _, body = part.partition(b"\r\n\r\n")
    body = body[:-2]
    if b"base64" in header:
        return base64.b64decode(body) == original
    return lines(body) == lines(with_line_ends(original))


def compare(check, originals, copies):
    wrong = []
    count = 0
    for (uid, original), (_, copy) in zip(read(originals), read(copies)):
        count += 1
        if not check(original, copy):
            wrong.append(uid)
    if count != len(os.listdir(originals)):
        print(f"{count} copies")
    for uid in wrong[:SHOWN]:
        print(f"message {uid} is not as it was")
    if len(wrong) > SHOWN:
        print(f"and {len(wrong) - SHOWN} more")


if sys.argv[1] == "send":
    send(*sys.argv[2:])
else:
    compare(redirected_ok if sys.argv[1] == "redirected" else forwarded_ok, *sys.argv[2:])
