"""Real and hostile mail through the server, for 300-corpora.t.

corpora.py stage CORPORA DIR    copies the messages into DIR/<source>/<number>, mbox files into DIR/mbox/<number>
corpora.py check URL DIR USER PASSWORD
                                reads everything back over HTTP; a line a check: "ok NAME" or "not ok NAME: why"
"""
import collections
import csv
import http.client
import os
import re
import shutil
import sys
import urllib.parse
import xml.parsers.expat
import xml.etree.ElementTree as tree

FIELDS = ["FLAGS", "From", "E-From", "To", "E-To", "Subject", "Date", "Pty", "UID", "SIZE", "INTERNALDATE",
          "Content-Type"]
PAGE = 200
DEEPEST = 200
SHOWN = 5  # failures of a check that are printed


def rows(corpora, kind):
    with open(os.path.join(corpora, "MANIFEST.tsv"), newline="") as file:
        for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            if row["kind"] == kind:
                yield row["source"], os.path.join(corpora, row["source"], row["path"])


def stage(corpora, target):
    count = collections.Counter()
    for source, path in rows(corpora, "message"):
        folder = os.path.join(target, source)
        os.makedirs(folder, exist_ok=True)
        if os.path.getsize(path) > 0:
            shutil.copyfile(path, os.path.join(folder, "%05d" % count[source]))
            count[source] += 1
    os.makedirs(os.path.join(target, "mbox"))
    for number, (_, path) in enumerate(rows(corpora, "mbox")):
        shutil.copyfile(path, os.path.join(target, "mbox", "%05d" % number))
    return 0


class Mbox:
    """The strict rule, written again: "From " at the start or after an empty line, a date at its end; where the
    first has no date, a single word."""

    BARE = re.compile(rb"From \S+$")
    DATE = re.compile(rb"From .*\b\d{1,2}:\d{2}(:\d{2})?\s.*\d{4}\s*(\S+\s*)?$")

    @classmethod
    def count(cls, data):
        lines = data.split(b"\n")
        dateless = not cls.DATE.match(lines[0].rstrip())
        found = 0
        empty = True
        for line in lines:
            line = line.rstrip(b"\r")
            if empty and (cls.DATE.match(line) or (dateless and cls.BARE.match(line))):
                found += 1
            empty = line == b""
        return found


class Client:
    def __init__(self, url, user, password):
        self.connection = http.client.HTTPConnection(urllib.parse.urlsplit(url).netloc, timeout=60)
        query = urllib.parse.urlencode({"userName": user, "password": password, "errorAsXML": 1})
        status, body = self.get("/XIMSSLogin/?" + query)
        assert status == 200, (status, body)
        self.session = "/Session/" + tree.fromstring(body)[0].get("urlID")

    def get(self, path):
        self.connection.request("GET", path)
        answer = self.connection.getresponse()
        return answer.status, answer.read()

    def sync(self, request):
        self.connection.request("POST", self.session + "/sync", b"<XIMSS>" + request.encode() + b"</XIMSS>")
        answer = self.connection.getresponse()
        return answer.status, answer.read()


def depth_of(data):
    """Parses strictly: well-formed, UTF-8; returns how deep it is."""
    data.decode("utf-8")
    parser = xml.parsers.expat.ParserCreate()
    depth = [0, 0]

    def start(_name, _attributes):
        depth[0] += 1
        depth[1] = max(depth)

    def end(_name):
        depth[0] -= 1

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.Parse(data, True)
    return depth[1]


class Checks:
    NAMES = ["browsed with 12 fields", "bytes are exact", "reads are well-formed", "parts are served"]

    def __init__(self):
        self.failures = {name: [] for name in self.NAMES}
        self.count = collections.Counter()

    def note(self, name, good, what):
        self.count[name] += 1
        if not good:
            self.failures[name].append(what)

    def report(self, suffix):
        for name in self.NAMES:
            failed = self.failures[name]
            if failed or not self.count[name]:
                print("not ok %s, %s: %d of %d: %s" % (name, suffix, len(failed), self.count[name],
                                                       "; ".join(failed[:SHOWN])))
            else:
                print("ok %s, %s (%d)" % (name, suffix, self.count[name]))


def browse(client, folder, total, sizes, checks):
    """Pages through FOLDER; returns the UIDs in order. SIZES: what SIZE must say, or None."""
    uids = []
    for first in range(0, total, PAGE):
        last = min(first + PAGE, total) - 1
        status, body = client.sync('<folderBrowse id="b" folder="%s"><index from="%d" till="%d"/></folderBrowse>'
                                   % (folder, first, last))
        root = tree.fromstring(body) if status == 200 and depth_of(body) < DEEPEST else None
        reports = [] if root is None else root.findall("folderReport")
        checks.note("browsed with 12 fields", len(reports) == last - first + 1, "%s %d" % (folder, first))
        for report in reports:
            index = int(report.get("index"))
            good = report.find("FLAGS") is not None and index == len(uids)
            good = good and report.findtext("UID") == report.get("UID")
            good = good and (sizes is None or int(report.findtext("SIZE")) == sizes[index])
            checks.note("browsed with 12 fields", good, "%s row %d" % (folder, index))
            uids.append(int(report.get("UID")))
    return uids


def read_one(client, folder, uid, checks):
    where = "%s %d" % (folder, uid)
    status, body = client.sync('<folderRead id="r" folder="%s" UID="%d"/>' % (folder, uid))
    try:
        good = status == 200 and depth_of(body) < DEEPEST
        message = tree.fromstring(body).find("folderMessage") if good else None
        good = good and message is not None and message[0].tag == "EMail"
    except (ValueError, xml.parsers.expat.ExpatError) as error:
        good, where = False, "%s: %s" % (where, error)
    checks.note("reads are well-formed", good, where)
    if not good:
        return
    for part in list(message.iter("MIME"))[:20]:
        if part.get("type") == "multipart" or part.get("partID") is None:
            continue
        status, data = client.get("%s/MIME/%s/%d-%s-B/x" % (client.session, folder, uid, part.get("partID")))
        good = status == 200 and len(data) == int(part.get("estimatedSize", len(data)))
        checks.note("parts are served", good, "%s part %s: %d" % (where, part.get("partID"), status))


def open_folder(client, folder):
    fields = "".join("<field>%s</field>" % field for field in FIELDS)
    status, body = client.sync('<folderOpen id="o" folder="%s">%s</folderOpen>' % (folder, fields))
    report = tree.fromstring(body).find("folderReport")
    return int(report.get("messages")) if status == 200 and report is not None else -1


def check(url, staged, user, password):
    client = Client(url, user, password)
    checks = Checks()
    for folder in sorted(os.listdir(staged)):
        if folder == "mbox":
            continue
        files = [os.path.join(staged, folder, name) for name in sorted(os.listdir(os.path.join(staged, folder)))]
        contents = [open(path, "rb").read() for path in files]
        total = open_folder(client, folder)
        checks.note("browsed with 12 fields", total == len(files), "%s has %d" % (folder, total))
        uids = browse(client, folder, total, [len(data) for data in contents], checks)
        for uid, data in zip(uids, contents):
            status, stored = client.get("%s/MIME/%s/%d-P.txt" % (client.session, folder, uid))
            checks.note("bytes are exact", status == 200 and stored == data, "%s %d" % (folder, uid))
            read_one(client, folder, uid, checks)
        client.sync('<folderClose id="c" folder="%s"/>' % folder)
    checks.report("messages")
    checks = Checks()
    for name in sorted(os.listdir(os.path.join(staged, "mbox"))):
        with open(os.path.join(staged, "mbox", name), "rb") as file:
            expected = Mbox.count(file.read())
        folder = "mbox-" + name
        total = open_folder(client, folder)
        checks.note("bytes are exact", total == expected, "%s has %d, not %d" % (folder, total, expected))
        for uid in browse(client, folder, total, None, checks):
            read_one(client, folder, uid, checks)
        client.sync('<folderClose id="c" folder="%s"/>' % folder)
    checks.report("mbox files")
    return 0


if __name__ == "__main__":
    commands = {"stage": stage, "check": check}
    sys.exit(commands[sys.argv[1]](*sys.argv[2:]))
