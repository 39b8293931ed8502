"""One XIMSS session as a careful client has it: every batch is numbered and repeated until it is answered, every answer
is checked, and each open folder is an array that only the reports of folderSync change."""

import http.client
import random
import socket
import time
import urllib.parse
import xml.etree.ElementTree as tree
from xml.sax.saxutils import quoteattr

PATIENCE = 60  # seconds for one answer, restarts and kills included


class Wrong(Exception):
    """The server did what it must not do."""


class Lost(Exception):
    """The session is gone (550)."""


class Refused(Exception):
    """An error that the caller said may come."""


class Server:
    """Where it is, and one connection of the thread that uses it. A connection that breaks is made again."""

    def __init__(self, port, counts):
        self.port = port
        self.counts = counts
        self.connection = None

    def close(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def once(self, method, path, body=None, headers=None):
        """(status, body), or None when the connection broke."""
        try:
            if self.connection is None:
                self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
            self.connection.request(method, path, body, headers or {})
            answer = self.connection.getresponse()
            data = answer.read()
            if answer.will_close:
                self.close()
            return answer.status, data
        except (OSError, http.client.HTTPException):
            self.close()
            self.counts["broken connections"] += 1
            return None

    def ask(self, method, path, body=None, headers=None):
        """The same until there is an answer. The request must bear repeating."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            answer = self.once(method, path, body, headers)
            if answer is not None and answer[0] != 503:
                return answer
            self.counts["repeats"] += 1
            time.sleep(0.05)
        raise Wrong("%s %s: no answer in %d s" % (method, path.split("?")[0][-20:], PATIENCE))

    def abandon(self, method, path, body, read):
        """Sends a request on a connection of its own and goes away: READ is whether the answer has begun by then."""
        head = "%s %s HTTP/1.1\r\nHost: soak\r\nContent-Length: %d\r\n\r\n" % (method, path, len(body))
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE) as sock:
                sock.sendall(head.encode() + body[: len(body) if read else len(body) // 2])
                if read:
                    sock.recv(20)
        except OSError:
            self.counts["broken connections"] += 1


def parse(data):
    try:
        root = tree.fromstring(data)
    except tree.ParseError as error:
        raise Wrong("not well-formed: %s: %.300r" % (error, data)) from error
    if root.tag != "XIMSS":
        raise Wrong("a root %s" % root.tag)
    return root


class Folder:
    """What the client has of an open folder."""

    def __init__(self, name, mailbox, order):
        self.name = name
        self.mailbox = mailbox
        self.order = order
        self.uids = []
        self.told = False  # there is more to sync
        self.late = False  # that may have been said before the last sync

    def apply(self, report):
        mode = report.get("mode")
        index = int(report.get("index"))
        uid = int(report.get("UID"))
        if mode == "added":
            if index > len(self.uids):
                raise Wrong("added at %d of %d" % (index, len(self.uids)))
            self.uids.insert(index, uid)
        if index >= len(self.uids) or self.uids[index] != uid:
            raise Wrong("%s of UID %d at %d: it is not there" % (mode, uid, index))
        if mode == "removed":
            del self.uids[index]
        if mode != "updated" and int(report.get("messages")) != len(self.uids):
            raise Wrong("messages=%s, there are %d" % (report.get("messages"), len(self.uids)))


class Session:
    def __init__(self, server, account, password="password", old=None):
        fields = {"userName": account, "errorAsXML": "1", "DisableIPWatch": "1"}
        fields.update({"sessionid": old} if old else {"password": password})
        status, data = server.ask("POST", "/XIMSSLogin/", urllib.parse.urlencode(fields),
                                  {"Content-Type": "application/x-www-form-urlencoded"})
        found = parse(data).find("session") if status == 200 else None
        if found is None:
            raise Wrong("login of %s: %d %.300r" % (account, status, data))
        self.server = server
        self.account = account
        self.id = found.get("urlID")
        self.number = random.randrange(5)
        self.ids = 0
        self.ack = 0
        self.late = False  # an answer to a poll was not read: the next one may be old
        self.awaited = []  # ids of asynchronous requests, in order
        self.folders = {}

    def url(self, rest):
        return "/Session/%s/%s" % (self.id, rest)

    # ---- batches ----

    def request(self, operation, inside="", **attributes):
        """(id, XML) of a request; None leaves an attribute out."""
        self.ids += 1
        text = " ".join("%s=%s" % (key, quoteattr(str(value)))
                        for key, value in attributes.items() if value is not None)
        return str(self.ids), '<%s id="%d" %s>%s</%s>' % (operation, self.ids, text, inside, operation)

    def post(self, where, requests, more=""):
        """Posts a batch as often as it takes, sometimes more often; the root of its answer."""
        self.number += 1
        body = ("<XIMSS>%s</XIMSS>" % "".join(xml for _, xml in requests)).encode()
        url = self.url("%s?reqSeq=%d%s" % (where, self.number, more))
        if random.random() < 0.02:
            self.server.abandon("POST", url, body, random.random() < 0.5)
        answer = self.server.ask("POST", url, body)
        if random.random() < 0.03:
            again = self.server.ask("POST", url, body)
            if again != answer and again[0] != 550:
                raise Wrong("repeated: %.300r, first: %.300r" % (again, answer))
        return self.check(answer)

    def check(self, answer):
        status, data = answer
        if status == 550:
            raise Lost()
        if status != 200:
            raise Wrong("status %d: %.300r" % (status, data))
        return parse(data)

    def batch(self, requests, allowed=()):
        """The data messages of a synchronous batch. Refused after an errorNum that is ALLOWED."""
        take = random.random() < 0.2
        root = self.post("sync", requests, "&syncAsync=1" if take else "")
        wanted = [number for number, _ in requests]
        responses = [child for child in root if child.tag == "response" and child.get("id") in wanted]
        messages = [child for child in root if child.tag != "response" and child.get("id") in wanted]
        extra = [child for child in root if child.get("id") not in wanted]
        if [child.get("id") for child in responses] != wanted:
            raise Wrong("answered %s of %s" % ([child.get("id") for child in responses], wanted))
        if extra and not take:
            raise Wrong("unasked: %s" % tree.tostring(extra[0]))
        self.receive(extra)
        errors = [child.get("errorNum") for child in responses if child.get("errorNum") is not None]
        for response in responses:
            if response.get("errorNum") is not None and int(response.get("errorNum")) not in allowed:
                raise Wrong("%s: %s" % (requests, tree.tostring(response).decode()))
        if errors:
            raise Refused(errors[0])
        return messages

    def run(self, operation, inside="", allowed=(), **attributes):
        return self.batch([self.request(operation, inside, **attributes)], allowed)

    def post_async(self, requests):
        self.awaited += [number for number, _ in requests]
        if list(self.post("async", requests)):
            raise Wrong("an asynchronous batch was answered at once")

    # ---- events ----

    def receive(self, events, late=False):
        """What came by a poll, or with a batch."""
        for event in events:
            if event.tag == "folderReport" and event.get("mode") == "notify":
                folder = self.folders.get(event.get("folder"))
                if folder is not None:
                    if folder.told and not folder.late:
                        raise Wrong("told twice without a sync")
                    folder.told = True
                    folder.late = late
            elif event.tag == "response":
                if event.get("errorNum") is not None:
                    raise Wrong("async: %s" % tree.tostring(event).decode())
                if not self.awaited or event.get("id") != self.awaited.pop(0):
                    raise Wrong("an answer out of order: %s" % tree.tostring(event).decode())
            elif event.tag != "alert":
                raise Wrong("event %s" % tree.tostring(event).decode())

    def poll(self, wait):
        """One poll; whether anything came. A batch that was not acknowledged must come again, unchanged."""
        url = self.url("?ackSeq=%d&maxWait=%d" % (self.ack, wait))
        if random.random() < 0.05:
            self.server.abandon("GET", url, b"", True)
            self.late = True
        answer = self.server.ask("GET", url)
        root = self.check(answer)
        number = root.get("respSeq")
        if number is None:
            if list(root):
                raise Wrong("events without a number")
            return False
        if int(number) != self.ack + 1:
            raise Wrong("respSeq %s after %d" % (number, self.ack))
        if random.random() < 0.05 and self.server.ask("GET", url) != answer:
            raise Wrong("a batch of events changed")
        self.ack += 1
        self.receive(list(root), self.late)
        self.late = False
        return True

    # ---- folders ----

    def open(self, mailbox, order, name=None, allowed=()):
        """Opens a folder, or NAME anew, and reads it whole."""
        again = name is not None
        folder = Folder(name or "f%d" % (self.ids + 1), mailbox, order)
        before = self.folders.get(folder.name)
        sort, direction, filter_field, filter_text = order
        self.folders[folder.name] = folder
        try:
            reports = self.run("folderReopen" if again else "folderOpen", "<field>FLAGS</field>", allowed,
                               folder=folder.name, mailbox=None if again else mailbox, sortField=sort,
                               sortOrder=direction, filter=filter_text, filterField=filter_field)
        except Refused:
            self.folders[folder.name] = before
            if before is None:
                del self.folders[folder.name]
            raise
        self.fill(folder, int(reports[0].get("messages")), allowed)
        return folder

    def fill(self, folder, count, allowed):
        for start in range(0, count, 500):
            for report in self.run("folderBrowse", '<index from="%d" till="%d"/>' % (start, start + 499),
                                   allowed, folder=folder.name):
                if int(report.get("index")) != len(folder.uids):
                    raise Wrong("index %s after %d" % (report.get("index"), len(folder.uids)))
                folder.uids.append(int(report.get("UID")))
        if len(folder.uids) != count:
            raise Wrong("%d messages instead of %d" % (len(folder.uids), count))

    def sync(self, folder, limit=None, allowed=()):
        """Whether there was anything."""
        folder.told = False
        reports = self.run("folderSync", "", allowed, folder=folder.name, limit=limit)
        for report in reports:
            folder.apply(report)
        if limit and len(reports) > limit:
            raise Wrong("%d reports, the limit was %d" % (len(reports), limit))
        return bool(reports)

    def compare(self, folder, first, last, allowed=()):
        """The server's view at FIRST..LAST is the client's."""
        reports = self.run("folderBrowse", '<index from="%d" till="%d"/>' % (first, last), allowed,
                           folder=folder.name)
        got = [(int(report.get("index")), int(report.get("UID"))) for report in reports]
        if got != list(enumerate(folder.uids))[first:last + 1]:
            raise Wrong("index %d to %d of %s: %s, the client has %s"
                        % (first, last, folder.order, got[:20], folder.uids[first:first + 20]))

    def close(self, folder, allowed=()):
        del self.folders[folder.name]
        self.run("folderClose", "", allowed, folder=folder.name)

    def end(self, gone):
        """Ends it in one of the ways there are. GONE: the client may just be gone."""
        way = random.randrange(3 if gone else 2)
        if way == 0:
            try:
                self.run("bye")
            except Lost:  # a repeat
                pass
        elif way == 1:
            self.server.ask("POST", self.url("KILL"), b"")
