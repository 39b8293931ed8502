#!/usr/bin/env python3
"""kill -9 during an import leaves a sound database, and --skip-duplicates completes it exactly."""
import os
import random
import signal
import subprocess
import tempfile
import time

CTL = os.environ["XIMSSCTL"]
ACCOUNT = "demo@x.example"
MESSAGES = 6000
KILLS = 12
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


def message(number):
    words = " ".join(random.choice(["sky", "dome", "ring", "star", "moon", "dust"]) for _ in range(300))
    return (f"From: a{number % 50}@x.example\nTo: demo@x.example\nSubject: {number} {words[:40]}\n"
            f"Date: Thu, 01 Jan 2026 00:00:{number % 60:02} +0000\nMessage-ID: <{number}@x.example>\n\n"
            f"{words}\n").encode()


def make_mbox(path):
    with open(path, "wb") as file:
        for number in range(MESSAGES):
            file.write(b"From a@x.example Thu Jan  1 00:00:05 2026\n" + message(number) + b"\n")


def messages_now():
    """How many messages the account holds, by its check."""
    run = ctl("check", ACCOUNT)
    words = run.stdout.split()
    sound = run.returncode == 0 and b": 0 faults" in run.stdout
    return (int(words[3]) if sound else -1), run


def killed_import(path, delay):
    """Starts an import, kills it and what it started; whether it was still running."""
    run = subprocess.Popen([CTL, "-d", DATA, "import", ACCOUNT, "INBOX", path, "--skip-duplicates"],
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(delay)
    run.send_signal(signal.SIGKILL)
    return run.wait() == -signal.SIGKILL


random.seed(7)
with tempfile.TemporaryDirectory() as TEMP:
    DATA = os.path.join(TEMP, "data")
    ctl("domain", "create", "x.example")
    ctl("account", "create", ACCOUNT)
    source = os.path.join(TEMP, "mail.mbox")
    make_mbox(source)
    before = 0
    partial = 0
    for turn in range(KILLS):
        killed = killed_import(source, random.uniform(0.05, 0.6))
        found, run = messages_now()
        ok(before <= found <= MESSAGES, f"sound after kill {turn + 1}: {found} messages", run)
        partial += killed and before < found < MESSAGES
        before = max(found, before)
        if before == MESSAGES:
            ctl("account", "delete", ACCOUNT)
            ctl("account", "create", ACCOUNT)
            before = 0
    print(f"# {partial} of the kills left a part of a run")
    run = ctl("import", ACCOUNT, "INBOX", source, "--skip-duplicates")
    ok(run.returncode == 0 and run.stdout == f"imported {MESSAGES - before}, skipped {before}\n".encode(),
       "a second run completes it", run)
    found, run = messages_now()
    ok(found == MESSAGES, "with exactly all messages", run)
    run = ctl("import", ACCOUNT, "INBOX", source, "--skip-duplicates")
    ok(run.stdout == f"imported 0, skipped {MESSAGES}\n".encode(), "and nothing is left to do", run)
    runs = [subprocess.Popen([CTL, "-d", DATA, "import", ACCOUNT, mailbox, source], stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE) for mailbox in ["INBOX", "other"]]
    results = [run.communicate() for run in runs]
    ok(all(result == (f"imported {MESSAGES}, skipped 0\n".encode(), b"") for result in results),
       "two imports at once give each other turns", results)
    found, run = messages_now()
    ok(found == 3 * MESSAGES, "and lose nothing", run)
print(f"1..{count}")
