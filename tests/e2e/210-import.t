#!/usr/bin/env python3
"""Import and export: mbox traps, Maildir names, order of trees, exact bytes, dates, flags, duplicates, quota."""
import hashlib
import os
import re
import shutil
import subprocess
import tempfile

CTL = os.environ["XIMSSCTL"]
ACCOUNT = "demo@x.example"
count = 0


def ok(condition, name, *details):
    global count
    count += 1
    print(("ok" if condition else "not ok") + f" {count} - {name}")
    if not condition:
        for detail in details:
            print("# " + repr(detail)[:500])


def ctl(*args):
    return subprocess.run([CTL, "-d", DATA, *args], capture_output=True)


def imports(name, mailbox, paths, imported, skipped, *options, status=0):
    run = ctl("import", ACCOUNT, mailbox, *paths, *options)
    expected = f"imported {imported}, skipped {skipped}\n".encode()
    ok(run.returncode == status and run.stdout.endswith(expected), name, run)
    return run


def exported(mailbox, form):
    """The files of an export, name (without folder) -> bytes."""
    target = os.path.join(TEMP, "export")
    run = ctl("export", ACCOUNT, mailbox, "--to", target, "--format", form)
    if run.returncode != 0:
        print("# export failed: " + repr(run.stderr))
        return {}
    files = {}
    if os.path.isfile(target):
        files[""] = open(target, "rb").read()
        os.unlink(target)
        return files
    for folder, _, names in os.walk(target):
        for name in names:
            with open(os.path.join(folder, name), "rb") as file:
                files[name] = file.read()
    shutil.rmtree(target)
    return files


def messages(mailbox):
    """The bytes of all messages, by UID."""
    files = exported(mailbox, "eml")
    return [files[name] for name in sorted(files, key=lambda name: int(name.split(".")[0]))]


def maildir(mailbox):
    """(date, flags) of all messages, by UID."""
    rows = []
    for name in exported(mailbox, "maildir"):
        match = re.fullmatch(r"(\d+)\.U(\d+)\.ximss,S=\d+:2,([A-Z]*)", name)
        rows.append((int(match[2]), int(match[1]), match[3]))
    return [(date, flags) for _, date, flags in sorted(rows)]


def write(name, data):
    path = os.path.join(TEMP, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(data)
    return path


def test_mbox():
    text = (b"From a@x.example Thu Jan  1 00:00:05 1970\nSubject: one\n\nbody\n>From here\n>>From there\n"
            b"From the middle of a paragraph\n\n"
            b"From b@x.example Mon Jan 01 00:00:00 2024\nSubject: two\nStatus: RO\nX-Status: AF\n\n"
            b"From without a date starts no message\n\n"
            b"From c@x.example Tue Jan 02 00:00:00 2024 +0100\nSubject: three\n\nno line end")
    path = write("traps.mbox", text)
    imports("mbox with From lines of all kinds", "mbox", [path], 3, 0)
    got = messages("mbox")
    ok(got == [b"Subject: one\n\nbody\nFrom here\n>From there\nFrom the middle of a paragraph\n",
               b"Subject: two\nStatus: RO\nX-Status: AF\n\nFrom without a date starts no message\n",
               b"Subject: three\n\nno line end"], "quoting is undone, real lines are kept", got)
    rows = maildir("mbox")
    ok([flags for _, flags in rows] == ["", "FRS", ""], "flags of Status and X-Status", rows)
    ok(rows[0][0] == 5 and rows[1][0] == 1704067200, "dates of the From lines", rows)
    crlf = (b"From a Thu Jan  1 00:00:05 1970\r\nSubject: one\r\n\r\nbody\r\n\r\n"
            b"From b Thu Jan  1 00:00:06 1970\r\nSubject: two\r\n\r\nbody\r\n")
    imports("mbox with CRLF", "mbox-crlf", [write("crlf.mbox", crlf)], 2, 0)
    got = messages("mbox-crlf")
    ok(got == [b"Subject: one\r\n\r\nbody\r\n", b"Subject: two\r\n\r\nbody\r\n"], "keeps CRLF", got)
    again = exported("mbox", "mbox")[""]
    ok(b"\n>From here\n>>From there\n>From the middle" in again, "export quotes as mboxrd", again)
    imports("mbox of our own export", "mbox-again", [write("again.mbox", again)], 3, 0)
    ok([data.rstrip(b"\n") for data in messages("mbox-again")] ==
       [data.rstrip(b"\n") for data in messages("mbox")], "comes back the same")
    ok([date for date, _ in maildir("mbox-again")] == [date for date, _ in rows], "with its dates")


def test_maildir():
    body = b"Subject: m\nDate: Mon, 01 Jan 2001 00:00:00 +0000\n\n"
    root = os.path.join(TEMP, "md")
    for name, number in [("cur/1000000001.M1P1.host:2,S", 1), ("cur/1000000003.M1P1.host,S=9:2,DFPRST", 3),
                         ("new/1000000002.M1P1.host", 2), ("cur/noise:2,FX", 4), ("cur/.hidden", 0),
                         ("tmp/1000000000.M1P1.host", 0), (".Sent/cur/1.x:2,S", 0),
                         ("cur/99999999999999999999.x:2,R", 5), ("dovecot-uidlist", 0)]:
        write("md/" + name, body + b"%d\n" % number)
    os.makedirs(os.path.join(root, "cur/folder"))
    imports("Maildir", "md", [root], 5, 0)
    rows = maildir("md")
    ok(rows == [(1000000001, "S"), (1000000002, ""), (1000000003, "DFPRST"), (978307200, "R"),
                (978307200, "F")], "dates, flags and order of the names", rows)
    ok([data[-2:] for data in messages("md")] == [b"1\n", b"2\n", b"3\n", b"5\n", b"4\n"], "bytes")
    target = os.path.join(TEMP, "md-out")
    ctl("export", ACCOUNT, "md", "--to", target, "--format", "maildir")
    imports("Maildir of our own export", "md-again", [target], 5, 0)
    ok(maildir("md-again") == rows, "comes back the same")


def test_linked_maildir():
    write("elsewhere/secret", b"Subject: secret\n\n")
    os.makedirs(os.path.join(TEMP, "linked/new"))
    os.symlink(os.path.join(TEMP, "elsewhere"), os.path.join(TEMP, "linked/cur"))
    imports("a Maildir whose cur is a link is none", "linked", [os.path.join(TEMP, "linked")], 0, 0, status=1)


def test_tree():
    order = ["B.eml", "a", "a.b/one", "a/b/1", "a/c", "a0", "b/.hidden", "z from.mbox", "\udcff"]
    del order[1]
    for name in order:
        path = os.path.join(os.fsencode(TEMP), b"tree", os.fsencode(name))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(b"From x Thu Jan  1 00:00:05 1970\nSubject: t\n\n" + os.fsencode(name))
    write("tree/empty/zero", b"")
    os.makedirs(os.path.join(TEMP, "tree/nothing"))
    outside = write("outside", b"Subject: outside\n\n")
    inside = sorted(order, key=os.fsencode)
    imports("tree of files", "tree", [os.path.join(TEMP, "tree")], len(order), 1)
    got = [data.split(b"\n\n")[1] for data in messages("tree")]
    ok(got == [os.fsencode(name) for name in inside], "byte order of the relative path", got)
    ok(all(data.startswith(b"From x") for data in messages("tree")), "a first line From is kept in a tree")
    os.symlink(outside, os.path.join(TEMP, "tree/link"))
    os.symlink(TEMP, os.path.join(TEMP, "tree/up"))
    os.mkfifo(os.path.join(TEMP, "tree/fifo"))
    run = imports("links and pipes in a tree are told and left", "tree2", [os.path.join(TEMP, "tree")],
                  len(order), 1, status=1)
    ok(run.stderr.count(b"\n") == 1 and b"3 files were not imported" in run.stderr, "in one line", run.stderr)
    imports("a link as PATH is followed", "tree3", [os.path.join(TEMP, "tree/link")], 1, 0)
    run = ctl("import", ACCOUNT, "never", outside, os.path.join(TEMP, "missing"))
    ok(run.returncode == 1 and b"missing" in run.stderr and run.stdout == b"", "a missing PATH stops all", run)
    run = ctl("import", ACCOUNT, "never", os.path.join(TEMP, "tree/fifo"))
    ok(run.returncode == 1 and run.stderr.count(b"\n") == 1, "a pipe is no PATH", run)


def test_bytes():
    nasty = [bytes(range(256)), b"\0", b"\n", b"\r\n\r\n", b"x", b"From \n", b"\xff\xfe", b">From x\n" * 3,
             b"Subject: " + b"a" * 100000 + b"\n\n", b"A: b\r\n" * 1000, os.urandom(300000), b":\n" * 5000]
    for number, data in enumerate(nasty):
        write(f"nasty/{number:02}", data)
    imports("bytes of any kind", "nasty", [os.path.join(TEMP, "nasty")], len(nasty), 0)
    ok(messages("nasty") == nasty, "come back exactly")
    files = exported("nasty", "maildir")
    ok(sorted(files.values()) == sorted(nasty), "in a Maildir, too")


def test_dates():
    received = b"Received: from a by b; Tue, 02 Jan 2024 00:00:00 +0000\nReceived: by c; Sun, 1 Jan 2023 00:00:00 +0000\n"
    date = b"Date: Wed, 03 Jan 2024 00:00:00 +0000\n"
    for name, data in [("1", received + date + b"\n1"), ("2", date + b"\n2"), ("3", b"Subject: none\n\n3"),
                       ("4", b"Received: nonsense\n" + date + b"\n4")]:
        write("dates/" + name, data)
    now = int(subprocess.run(["date", "+%s"], capture_output=True, check=True).stdout)
    imports("messages with and without dates", "dates", [os.path.join(TEMP, "dates")], 4, 0)
    rows = [date for date, _ in maildir("dates")]
    ok(rows[0] == 1704153600, "topmost Received first", rows)
    ok(rows[1] == 1704240000 and rows[3] == 1704240000, "else Date", rows)
    ok(now <= rows[2] < now + 3600, "else now", rows)


def test_duplicates():
    for number in range(5):
        write(f"dup/{number}", b"Subject: %d\n\n" % (number // 2))
    path = os.path.join(TEMP, "dup")
    imports("duplicates within a source", "dup", [path], 3, 2, "--skip-duplicates")
    imports("again", "dup", [path], 0, 5, "--skip-duplicates")
    imports("with doubles wanted", "dup", [path], 5, 0)
    imports("another mailbox does not count", "dup2", [path], 3, 2, "--skip-duplicates")
    imports("several PATHs", "dup3", [path, write("single.eml", b"Subject: s\n\n"), write("zero", b"")], 6, 1)
    imports("nothing but an empty folder makes the mailbox", "made/of nothing", [os.path.join(TEMP, "tree/nothing")],
            0, 0)
    ok(exported("made/of nothing", "mbox") == {"": b""}, "which is empty")


def test_names():
    path = write("name.eml", b"Subject: n\n\n")
    for mailbox in ["a/b'c\"%*", "\u540d\u524d \U0001f600", "x" * 500]:
        imports("mailbox " + ascii(mailbox[:20]), mailbox, [path], 1, 0)
        ok(messages(mailbox) == [b"Subject: n\n\n"], "can be exported")
    for mailbox in ["", "/", "a//b", "x" * 2000, "a\nb", b"\xff"]:
        run = ctl("import", ACCOUNT, mailbox, path)
        ok(run.returncode == 1 and run.stderr.count(b"\n") == 1, "bad mailbox " + ascii(mailbox[:20]), run)
    run = ctl("import", "none@x.example", "INBOX", path)
    ok(run.returncode == 1 and b"no such account" in run.stderr, "unknown account", run)
    imports("inbox in any letters", "inbox", [path], 1, 0)
    ok(len(messages("INBOX")) == 1, "is INBOX")


def test_quota():
    for number in range(10):
        write(f"quota/{number}", b"Subject: %d\n\n" % number + b"x" * 100000)
    ctl("account", "set", ACCOUNT, "--quota", "1")
    run = imports("over quota", "quota", [os.path.join(TEMP, "quota")], 0, 0, status=1)
    ok(b"quota" in run.stderr and run.stderr.count(b"\n") == 1, "says so in one line", run.stderr)
    ctl("account", "set", ACCOUNT, "--quota", "none")
    imports("without quota", "quota", [os.path.join(TEMP, "quota")], 10, 0)
    ctl("account", "create", "q@x.example", "--quota", "500k")
    run = ctl("import", "q@x.example", "INBOX", os.path.join(TEMP, "quota"))
    ok(run.returncode == 1 and run.stdout == b"imported 5, skipped 0\n", "what fits is kept", run)
    run = ctl("check")
    ok(run.returncode == 0 and b": 0 faults" in run.stdout, "check finds no fault", run)


def test_samples():
    folder = os.path.join(os.environ.get("XIMSS_SRC", os.path.join(os.path.dirname(__file__), "../..")),
                          "share/sample-mail")
    files = [open(os.path.join(folder, name), "rb").read() for name in sorted(os.listdir(folder))]
    imports("sample mail", "samples", [folder], len(files), 0)
    ok([hashlib.sha256(data).digest() for data in messages("samples")] ==
       [hashlib.sha256(data).digest() for data in files], "comes back exactly")


with tempfile.TemporaryDirectory() as TEMP:
    DATA = os.path.join(TEMP, "data")
    ok(ctl("domain", "create", "x.example").returncode == 0, "domain")
    ok(ctl("account", "create", ACCOUNT).returncode == 0, "account")
    for test in [test_mbox, test_maildir, test_linked_maildir, test_tree, test_bytes, test_dates, test_duplicates, test_names,
                 test_samples, test_quota]:
        test()
print(f"1..{count}")
