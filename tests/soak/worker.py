"""A user of the soak: does what users do, in random order, and knows what must come of it."""

import random
import threading

from client import Lost, Refused, Server, Session, Wrong

ORDERS = [
    (None, None, None, None),
    ("INTERNALDATE", "desc", None, None),
    ("Subject", "asc", None, None),
    ("From", "desc", None, None),
    ("SIZE", "asc", None, None),
    ("FLAGS", "asc", None, None),
    ("X-Number", "desc", None, None),
    ("UID", "asc", "FLAGS", "Unseen"),
    ("Subject", "desc", "Subject", "3"),
]
FLAGS = ["Read", "Unread", "Flagged", "Unflagged,Answered", "Deleted", "Undeleted", "Seen,tagged"]
FULL = 700  # messages at which a mailbox is made smaller

NO_MAILBOX, NO_MESSAGE = 510, 514


class Worker(threading.Thread):
    """Several have the same account: they share INBOX; a mailbox of its own holds what its worker put there only."""

    def __init__(self, soak, number, account):
        super().__init__(daemon=True)
        self.soak = soak
        self.number = number
        self.account = account
        self.own = "own%d" % number
        self.own_count = None  # messages in it
        self.server = Server(soak.port, soak.counts)
        self.session = None
        self.serial = 0
        self.uploaded = []  # names in the session's file set
        self.pick = random.Random(soak.seed * 1000 + number)

    def run(self):
        while not self.soak.over:
            self.soak.gate.wait()
            if not self.soak.enter():
                continue
            try:
                self.step()
            except Lost:
                self.soak.wrong(self, "the session is lost")
                self.session = None
            except Wrong as error:
                self.soak.wrong(self, str(error))
                self.session = None
            except Exception as error:  # pylint: disable=broad-except
                self.soak.wrong(self, "%s: %s" % (type(error).__name__, error))
                self.session = None
            finally:
                self.soak.leave()

    def step(self):
        if self.session is None:
            self.begin()
            return
        work, weights = zip(*self.WORK)
        action = self.pick.choices(work, weights)[0]
        self.soak.counts[action.__name__] += 1
        try:
            action(self)
        except Refused:
            self.soak.counts["refused"] += 1

    # ---- sessions ----

    def begin(self):
        """Hashing passwords is slow on purpose: most sessions come from another one."""
        old = self.soak.vouchers.get(self.account)
        if old is None or self.pick.random() < 0.05:
            self.session = Session(self.server, self.account)
        else:
            self.session = Session(self.server, self.account, old=old)
        self.uploaded = []
        self.soak.counts["login"] += 1
        if self.own_count is None:
            self.session.run("mailboxCreate", mailbox=self.own)
            self.own_count = 0
        self.session.open("INBOX", self.pick.choice(ORDERS))
        self.session.open(self.own, ORDERS[0])

    def end(self):
        if self.session is not None:
            self.session.end(not self.soak.closing())
            self.session = None

    def reconnect(self):
        self.server.close()

    # ---- folders ----

    def folder(self, mailbox=None):
        chosen = [folder for folder in self.session.folders.values()
                  if mailbox is None or folder.mailbox == mailbox]
        return self.pick.choice(chosen) if chosen else self.session.open(mailbox, self.pick.choice(ORDERS))

    def browse(self):
        folder = self.folder()
        first = self.pick.randrange(len(folder.uids) + 1)
        self.session.compare(folder, first, first + self.pick.randrange(60))

    def sync(self):
        self.session.sync(self.folder(), self.pick.choice([None, None, 1, 7, 50]))

    def open_close(self):
        if len(self.session.folders) > 4:
            self.session.close(self.pick.choice(list(self.session.folders.values())))
        elif self.pick.random() < 0.5:
            folder = self.folder()
            self.session.open(folder.mailbox, self.pick.choice(ORDERS), folder.name)
        else:
            self.session.open(self.pick.choice(["INBOX", self.own]), self.pick.choice(ORDERS))

    # ---- messages ----

    def some(self, folder):
        """A set of messages of FOLDER, and their UIDs."""
        first = self.pick.randrange(len(folder.uids))
        last = min(len(folder.uids) - 1, first + self.pick.choice([0, 0, 1, 5, 100]))
        chosen = folder.uids[first:last + 1]
        if self.pick.random() < 0.5:
            return '<index from="%d" till="%d"/>' % (first, last), chosen
        return "".join("<UID>%d</UID>" % uid for uid in chosen), chosen

    def mark(self):
        folder = self.folder()
        if folder.uids:
            self.session.run("messageMark", self.some(folder)[0], folder=folder.name,
                             flags=self.pick.choice(FLAGS))

    def exact(self):
        """A folder of the whole mailbox that nobody else writes to, in step; it holds what this worker put there."""
        whole = [folder for folder in self.session.folders.values()
                 if folder.mailbox == self.own and folder.order[2] is None]
        folder = whole[0] if whole else self.session.open(self.own, ORDERS[0])
        self.session.sync(folder)
        if len(folder.uids) != self.own_count:
            raise Wrong("%d messages in %s instead of %d" % (len(folder.uids), self.own, self.own_count))
        return folder

    def count_own(self):
        folder = self.session.open(self.own, ORDERS[0])
        self.session.close(folder)
        return len(folder.uids)

    def fetch(self):
        """Copies from INBOX, where others may have removed some of them."""
        folder = self.folder("INBOX")
        if folder.uids and self.own_count < FULL:
            inside, chosen = self.some(folder)
            before = self.own_count
            self.session.run("messageCopy", inside, folder=folder.name, targetMailbox=self.own)
            self.own_count = self.count_own()
            if not before <= self.own_count <= before + len(chosen):
                raise Wrong("%d copies made %d of %d messages" % (len(chosen), self.own_count, before))

    def copy(self):
        folder = self.exact()
        if folder.uids and self.own_count < FULL:
            inside, chosen = self.some(folder)
            self.own_count += len(chosen)
            if self.pick.random() < 0.3:
                self.session.post_async([self.session.request("messageCopy", inside, folder=folder.name,
                                                              targetMailbox=self.own)])
            else:
                self.session.run("messageCopy", inside, folder=folder.name, targetMailbox=self.own)
            self.exact()

    def append(self):
        if self.own_count < FULL:
            self.serial += 1
            text = "<MIME type='text' subtype='plain'>words &amp; wörter %s\nthe end\n</MIME>" % ("x" * self.serial)
            if self.uploaded:
                text = "<MIME type='multipart' subtype='mixed'>%s<MIME uploadID='%s'/></MIME>" % (
                    text, self.pick.choice(self.uploaded))
            inside = ("<EMail><From>Sender &lt;s@example.org&gt;</From><Subject>number %d</Subject>%s</EMail>"
                      % (self.serial, text))
            self.own_count += 1
            self.session.run("messageAppend", inside, targetMailbox=self.own)
            self.exact()

    def remove(self):
        folder = self.exact()
        if folder.uids:
            inside, chosen = self.some(folder)
            self.own_count -= len(chosen)
            self.session.run("messageRemove", inside, folder=folder.name, mode="immediately")
            self.exact()

    def move(self):
        """Back to INBOX: what was there is there again, once."""
        folder = self.exact()
        if folder.uids and len(self.folder("INBOX").uids) < FULL:
            inside, chosen = self.some(folder)
            self.own_count -= len(chosen)
            self.session.run("messageMove", inside, folder=folder.name, targetMailbox="INBOX")
            self.exact()

    def shrink(self):
        """Removes most of a mailbox that is full."""
        folder = self.folder("INBOX")
        if len(folder.uids) > FULL // 2:
            self.session.run("messageRemove", '<index from="0" till="%d"/>' % (len(folder.uids) // 2),
                             folder=folder.name, mode="immediately")
        if self.own_count > FULL // 2:
            folder = self.exact()
            self.session.run("messageRemove", '<index from="10" till="%d"/>' % (len(folder.uids) - 1),
                             folder=folder.name, mode="immediately")
            self.own_count = 10
            self.exact()

    def expunge(self):
        self.session.run("folderExpunge", folder=self.folder("INBOX").name)

    def read(self):
        folder = self.folder()
        if not folder.uids:
            return
        uid = self.pick.choice(folder.uids)
        mail = self.session.run("folderRead", "", (NO_MESSAGE,), folder=folder.name, UID=uid)[0].find("EMail")
        if mail is None or "number" not in mail.findtext("Subject", ""):
            raise Wrong("message %d has no such subject" % uid)

    def part(self):
        folder = self.folder()
        if not folder.uids:
            return
        path = "MIME/%s/%d-P.txt" % (folder.name, self.pick.choice(folder.uids))
        status, data = self.server.ask("GET", self.session.url(path))
        if status == 550:
            raise Lost()
        if status != 404 and (status != 200 or b"the end" not in data):
            raise Wrong("%s: %d %.100r" % (path, status, data))

    # ---- the rest ----

    def poll(self):
        self.session.poll(self.pick.choice([0, 0, 0, 1]))

    def mailboxes(self):
        """Makes, renames and removes a mailbox; an open folder goes with it."""
        self.serial += 1
        name = "box%d-%d" % (self.number, self.serial)
        self.session.run("mailboxCreate", mailbox=name)
        folder = self.session.open(name, self.pick.choice(ORDERS))
        self.session.run("mailboxRename", mailbox=name, newName=name + "new/sub")
        self.session.sync(folder)
        self.session.run("mailboxRemove", mailbox=name + "new/sub")
        self.session.run("mailboxRemove", mailbox=name + "new")
        try:
            self.session.sync(folder, None, (NO_MAILBOX,))
            raise Wrong("a folder of no mailbox")
        except Refused:
            self.session.close(folder)

    def upload(self):
        name = "u%d" % self.pick.randrange(4)
        body = (b'--x\r\nContent-Disposition: form-data; name="fileData"; filename="a.txt"\r\n'
                b"Content-Type: text/plain\r\n\r\n" + b"u" * self.pick.randrange(100000) + b"\r\n--x--\r\n")
        if self.pick.random() < 0.1:
            self.server.abandon("POST", self.session.url("UPLOAD/" + name), body, False)
        status, data = self.server.ask("POST", self.session.url("UPLOAD/" + name), body,
                                       {"Content-Type": "multipart/form-data; boundary=x"})
        if status == 550:
            raise Lost()
        if not 200 <= status < 300:
            raise Wrong("upload: %d %.200r" % (status, data))
        if name not in self.uploaded:
            self.uploaded.append(name)

    def stored(self):
        """A file of its own: written from an upload, read by URL, removed."""
        if self.uploaded:
            name = "file%d" % self.number
            self.session.run("fileStore", fileName=name, uploadID=self.uploaded[-1])
            status, data = self.server.ask("GET", self.session.url("DOWNLOAD/" + name))
            if status == 550:
                raise Lost()
            if status != 200 or data.strip(b"u"):
                raise Wrong("file: %d %.100r" % (status, data))
            self.session.run("fileRemove", fileName=name)

    def status(self):
        self.session.batch([self.session.request("noop"), self.session.request("mailboxList", filter="%")])

    WORK = [(browse, 20), (sync, 20), (mark, 12), (poll, 12), (copy, 8), (remove, 5), (read, 8), (part, 5),
            (fetch, 4), (move, 3), (shrink, 3), (open_close, 5), (expunge, 2), (mailboxes, 2), (upload, 3), (stored, 1), (append, 4),
            (status, 2), (reconnect, 2), (end, 2)]

    # ---- while nobody changes anything ----

    def settle(self):
        """All is told, and the client's view of each folder is the one that a new folder has."""
        if self.session is None:
            return
        while self.session.poll(0):
            pass
        if self.session.awaited:
            raise Wrong("never answered: %s" % self.session.awaited)
        for folder in list(self.session.folders.values()):
            told = folder.told
            if self.session.sync(folder) and not told:
                raise Wrong("nobody told of changes in %s" % folder.name)
            fresh = self.session.open(folder.mailbox, folder.order)
            if fresh.uids != folder.uids:
                raise Wrong("%s %s differs from a new folder" % (folder.name, folder.order))
            self.session.close(fresh)
        self.exact()
