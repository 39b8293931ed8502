#!/usr/bin/env python3
"""Runs the mail code over the corpora: every message of every MANIFEST row of kind message or mbox
becomes well-formed XML, the made-nasty ones under hard limits of time and memory, and where a source
has its own idea of a message (part tree, decoded texts) ours is compared with it. A difference that is
not explained in differences.tsv fails the test, and so does an explanation that nothing needs."""
import csv
import json
import os
import re
import resource
import subprocess
import sys
import xml.etree.ElementTree as ET
from xml.parsers import expat

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.environ.get("XIMSS_SRC", os.path.join(HERE, "..", ".."))
BUILD = os.environ.get("XIMSS_BUILD", SOURCE)
CORPORA = os.environ.get("XIMSS_CORPORA", os.path.join(SOURCE, "..", "shared", "corpora"))
DUMP = os.path.join(BUILD, "tests", "mime", "test_dump")
DEPTH_MAX = 190
MEGABYTE = 1024 * 1024

count = 0


def result(good, name, details=()):
    global count
    count += 1
    print("%s %d - %s" % ("ok" if good else "not ok", count, name))
    for line in list(details)[:200]:
        print("# " + line)
    sys.stdout.flush()


def path_of(row):
    return os.path.join(CORPORA, row["source"], row["path"])


class Dump:
    """The dumping program, fed with files one by one."""

    def __init__(self, **options):
        self.process = subprocess.Popen([DUMP, "batch"], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, **options)

    def run(self, kind, path):
        """The XML documents of the messages in PATH; RuntimeError when the program ends."""
        self.process.stdin.write(("%s %s\n" % (kind, path)).encode())
        self.process.stdin.flush()
        documents = []
        while True:
            line = self.process.stdout.readline()
            if line == b"end\n":
                return documents
            if not line:
                raise RuntimeError("ended with %d" % self.process.wait())
            documents.append(self.process.stdout.read(int(line.split()[0])))

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        return self.process.wait()


def fault_of(document):
    """What is wrong with an XML document: not well-formed, not UTF-8, too deep. None if nothing is."""
    depth = [0, 0]

    def start(_name, _attributes):
        depth[0] += 1
        depth[1] = max(depth)

    def end(_name):
        depth[0] -= 1

    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    try:
        document.decode("utf-8")
        parser.Parse(document, True)
    except (UnicodeDecodeError, expat.ExpatError) as error:
        return str(error)
    # An EMail stands in XIMSS and folderMessage.
    return "%d levels" % depth[1] if depth[1] + 2 > DEPTH_MAX else None


def test_all(rows):
    """Every message as XML. Returns the documents by path."""
    dump = Dump()
    documents = {}
    faults = []
    messages = 0
    for row in rows:
        found = dump.run(row["kind"], path_of(row))
        documents[row["source"], row["path"]] = found
        messages += len(found)
        faults += ["%s: %s" % (row["path"], fault) for fault in map(fault_of, found) if fault]
    result(dump.close() == 0 and not faults and messages > 0,
           "%d messages of %d files are well-formed XML" % (messages, len(rows)), faults)
    return documents


def limited(size):
    def limit():
        resource.setrlimit(resource.RLIMIT_CPU, (1, 1))
        # 64 MB over the message, besides what an idle process maps.
        most = (64 + 64) * MEGABYTE + size
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
        resource.setrlimit(resource.RLIMIT_STACK, (512 * 1024, 512 * 1024))
    return limit


def test_nasty(rows):
    """Each made-nasty message in a process of its own that has a second and little memory."""
    faults = []
    for row in rows:
        size = os.path.getsize(path_of(row))
        dump = Dump(preexec_fn=limited(size))
        try:
            documents = dump.run(row["kind"], path_of(row))
            faults += ["%s: %s" % (row["path"], f) for f in map(fault_of, documents) if f]
            if dump.close() != 0:
                faults.append(row["path"])
        except RuntimeError as error:
            faults.append("%s: %s" % (row["path"], error))
    result(not faults, "%d hostile files within 1 s and 64 MB" % len(rows), faults)


# Part trees: (type, children); the type is None where the source does not say.

def our_tree(mime):
    name = "%s/%s" % (mime.get("type"), mime.get("subtype"))
    children = mime.findall("MIME")
    email = mime.find("EMail")
    if email is not None and mime.get("type") == "message":
        children = email.findall("MIME")
    return name, [our_tree(child) for child in children]


def our_texts(mime):
    """The texts of the text parts, in order."""
    texts = []
    for part in mime.iter("MIME"):
        if part.get("type") == "text" and part.find("EMail") is None:
            texts.append("".join(part.itertext()))
    return texts


def plain(text):
    """TEXT without what converters treat as they like: line ends, blanks at their ends, U+FFFD runs."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").replace("\u00a0", " ").split("\n")
    return "\n".join(line.rstrip() for line in lines).strip()


def same_tree(ours, theirs):
    if theirs[0] is not None and ours[0] != theirs[0].lower():
        return False
    return len(ours[1]) == len(theirs[1]) and all(map(same_tree, ours[1], theirs[1]))


def show(tree):
    name = (tree[0] or "*").replace("application/octet-stream", "app/octet")
    return name + ("(%s)" % " ".join(map(show, tree[1])) if tree[1] else "")


def mime4j_tree(element):
    multipart = element.find("multipart")
    if multipart is None:
        inner = element.find("message")
        return None, [] if inner is None else [mime4j_tree(inner)]
    return None, [mime4j_tree(child) for child in multipart
                  if child.tag in ("body-part", "message")]


def read_mime4j(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        # Bodies stand in these files with every control character that the mail had.
        text = re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]", "?", file.read())
    return mime4j_tree(ET.fromstring(text)), None


def mailcore_tree(part):
    items = part.get("parts", {}).get("items", [])
    kind = part.get("partType", "")
    if kind == "message":
        return "message/rfc822", [mailcore_tree(part["mainPart"])]
    if kind.startswith("multipart"):
        return None, [mailcore_tree(item) for item in items]
    return part.get("mimeType"), []


def read_mailcore(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return mailcore_tree(json.load(file, strict=False)["mainPart"]), None


def stalwart_type(part):
    for header in part["headers"]:
        value = header["value"]
        if header["name"] == "content_type" and isinstance(value, dict) and "ContentType" in value:
            kind = value["ContentType"]
            return "%s/%s" % (kind["c_type"].lower(), (kind.get("c_subtype") or "*").lower())
    return None


def stalwart_tree(message, number, texts):
    part = message["parts"][number]
    body = part["body"]
    name = stalwart_type(part)
    if name is not None and name.endswith("/*"):
        name = None
    if not isinstance(body, dict):
        return name, []
    if "Multipart" in body:
        return name, [stalwart_tree(message, child, texts) for child in body["Multipart"]]
    if "Message" in body:
        return name, [stalwart_tree(body["Message"], 0, texts)]
    if "Text" in body or "Html" in body:
        if name is None or name.startswith("text/"):
            texts.append(body.get("Text", body.get("Html")))
    return name, []


def read_stalwart(path):
    texts = []
    with open(path, encoding="utf-8") as file:
        tree = stalwart_tree(json.load(file), 0, texts)
    return tree, texts


def expected_files(rows):
    """(source, message path, expected path, reader) of every comparison that the corpora offer."""
    known = {(row["source"], row["path"]) for row in rows}
    found = []
    for source, path in sorted(known):
        base, extension = os.path.splitext(path)
        for expected, reader in ((base + ".xml", read_mime4j), (base + ".json", read_stalwart),
                                 (path.replace("/input/", "/output/", 1), read_mailcore)):
            wanted = {read_mime4j: "mime4j", read_stalwart: "stalwart-mail-parser",
                      read_mailcore: "mailcore2"}[reader]
            # mailcore2's other outputs ("summary") are no trees.
            if source != wanted or expected == path or \
                    (source == "mailcore2" and not path.startswith("parser/")):
                continue
            if os.path.exists(os.path.join(CORPORA, source, expected)):
                found.append((source, path, os.path.join(CORPORA, source, expected), reader))
    return found


def read_explanations():
    with open(os.path.join(HERE, "differences.tsv"), encoding="utf-8") as file:
        return {(row["source"], row["file"], row["kind"]): row["reason"]
                for row in csv.DictReader(file, delimiter="\t")}


def compare(document, expected, reader):
    """The kinds of difference between our document and what is expected, each with a line on it."""
    mime = ET.fromstring(document).find("MIME")
    tree, texts = reader(expected)
    ours = our_tree(mime)
    if not same_tree(ours, tree):
        yield "tree", "ours %s theirs %s" % (show(ours), show(tree))
    elif texts is not None:
        our = list(map(plain, our_texts(mime)))
        their = list(map(plain, texts))
        if our != their:
            pair = next((p for p in zip(our, their) if p[0] != p[1]), (len(our), len(their)))
            yield "text", "ours %.300r theirs %.300r" % pair


def test_expected(rows, documents):
    explained = read_explanations()
    used = set()
    compared = {}
    faults = []
    for source, path, expected, reader in expected_files(rows):
        compared[source] = compared.get(source, 0) + 1
        for kind, line in compare(documents[source, path][0], expected, reader):
            used.add((source, path, kind))
            if (source, path, kind) not in explained:
                faults.append("%s\t%s\t%s\t%s" % (source, path, kind, line))
    faults += ["explained, but there is no difference: %s %s %s" % key
               for key in sorted(set(explained) - used)]
    result(not faults and compared, "as expected: %s; %d differences explained" %
           (", ".join("%s %d" % item for item in sorted(compared.items())), len(explained)), faults)


def main():
    if not os.path.exists(os.path.join(CORPORA, "MANIFEST.tsv")):
        print("1..0 # SKIP the corpora are not here (XIMSS_CORPORA)")
        return
    with open(os.path.join(CORPORA, "MANIFEST.tsv"), encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file, delimiter="\t")
                if row["kind"] in ("message", "mbox")]
    documents = test_all(rows)
    test_nasty([row for row in rows if row["source"] == "made-nasty"])
    test_expected([row for row in rows if row["kind"] == "message"], documents)
    print("1..%d" % count)


main()
