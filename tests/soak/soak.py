#!/usr/bin/env python3
"""Mixed load on a running server, for as long as wanted: soak.py SECONDS SEED, the rest from the environment.

The time is cut in five: restarts and one kill; two equal parts without, of which the second may hold no more than the
first; restarts again; the end. After each part all workers stop, compare all they have with the server, and end
their sessions. Prints "# ..." for readers and "ok NAME" or "not ok NAME" for the test that started it."""

import collections
import os
import random
import signal
import subprocess
import sys
import threading
import time

import gauges
from client import Server, Session, Wrong
from worker import Worker

ACCOUNTS = 4
WORKERS = 10
PASSWORD = "password"

# A child may hold that much more after the second half than after the first.
SLACK_KB = 6000
SLACK_SHORT_KB = 12000  # in a short run the caches of accounts and the pools of threads are filling still
SHORT_SECONDS = 600
SLACK_DESCRIPTORS = 12

SESSION_TIMEOUT = 20  # as the server is configured


class Soak:
    def __init__(self, seconds, seed):
        self.seconds = seconds
        self.seed = seed
        self.port = int(os.environ["SOAK_PORT"])
        self.pid = int(os.environ["SOAK_PID"])
        self.data = os.environ["SOAK_DATA"]
        self.runtime = os.environ["SOAK_RUNTIME"]
        self.ctl = os.environ["XIMSSCTL"]
        self.mail = os.environ["SOAK_MAIL"]
        self.counts = collections.Counter()
        self.errors = []
        self.over = False
        self.vouchers = {}
        self.end = 0
        self.gate = threading.Event()
        self.inside = 0
        self.changed = threading.Condition()
        self.accounts = ["user%d@example.org" % number for number in range(ACCOUNTS)]
        self.workers = [Worker(self, number, self.accounts[number % ACCOUNTS]) for number in range(WORKERS)]

    # ---- workers come and go ----

    def enter(self):
        """Whether there is work."""
        with self.changed:
            work = self.gate.is_set() and not self.over
            self.inside += work
        return work

    def leave(self):
        with self.changed:
            self.inside -= 1
            self.changed.notify_all()

    def pause(self):
        with self.changed:
            self.gate.clear()
            self.changed.wait_for(lambda: self.inside == 0)

    def closing(self):
        """Sessions that are left now would be there at the end of the part still."""
        return time.monotonic() > self.end - SESSION_TIMEOUT - 5

    def wrong(self, worker, text):
        self.errors.append("worker %d: %s" % (worker.number, text))
        print("# %s" % self.errors[-1], flush=True)

    # ---- what happens meanwhile ----

    def deliver(self):
        account = random.choice(self.accounts)
        done = subprocess.run([self.ctl, "-d", self.data, "import", account, "INBOX", self.mail],
                              capture_output=True, check=False)
        self.counts["imports"] += 1
        if done.returncode != 0:
            self.errors.append("import: %s" % done.stderr.decode()[-300:])

    def restart(self):
        os.kill(self.pid, signal.SIGUSR1)
        self.counts["graceful restarts"] += 1

    def kill(self):
        os.kill(random.choice(gauges.children(self.pid)), signal.SIGKILL)
        self.counts["kills"] += 1

    def part(self, name, seconds, restarts, kills=0):
        """One part of the run; what the server holds after it."""
        for account in self.accounts:
            self.vouchers[account] = Session(Server(self.port, self.counts), account).id
        events = [(seconds * (number + 1) / (restarts + kills + 1), self.kill if number < kills else self.restart)
                  for number in range(restarts + kills)]
        events += [(second, self.deliver) for second in range(1, int(seconds), 3)]
        start = time.monotonic()
        self.end = start + seconds
        self.gate.set()
        for second, event in sorted(events, key=lambda pair: pair[0]):
            time.sleep(max(0, start + second - time.monotonic()))
            event()
        time.sleep(max(0, self.end - time.monotonic()))
        self.pause()
        for worker in self.workers:
            try:
                worker.settle()
                worker.end()
            except Exception as error:  # pylint: disable=broad-except
                self.wrong(worker, "at rest: %s: %s" % (type(error).__name__, error))
                worker.session = None
            worker.server.close()
        server = Server(self.port, self.counts)
        for number in self.vouchers.values():
            server.ask("POST", "/Session/%s/KILL" % number, b"")
        server.close()
        return self.rest(name)

    def rest(self, name):
        """Waits until sessions whose clients just went have ended."""
        end = time.monotonic() + 120
        while gauges.sessions(self.port) > 0 and time.monotonic() < end:
            time.sleep(0.5)
        time.sleep(2)
        reading = gauges.Reading(self)
        print("# %s: %s; %d operations, %d wrong" % (name, reading, sum(
            self.counts[action.__name__] for action, _ in Worker.WORK), len(self.errors)), flush=True)
        return reading

    # ---- the whole ----

    def run(self):
        base = self.rest("start")
        restarts = max(1, self.seconds // 60)
        for worker in self.workers:
            worker.start()
        readings = [self.part("restarts", self.seconds * 0.2, restarts, 1),
                    self.part("first half", self.seconds * 0.3, 0),
                    self.part("second half", self.seconds * 0.3, 0),
                    self.part("restarts again", self.seconds * 0.2, restarts)]
        self.over = True
        self.gate.set()
        self.judge(base, readings)
        print("# " + ", ".join("%d %s" % (count, name) for name, count in self.counts.most_common()))

    def judge(self, base, readings):
        def ok(name, right, *detail):
            print("%s %s" % ("ok" if right else "not ok", name))
            if not right:
                print("# " + " ".join(map(str, detail)))

        _, first, second, last = readings
        slack = SLACK_KB if self.seconds > SHORT_SECONDS else SLACK_SHORT_KB
        same = [pid for pid in second.children if pid in first.pss]
        ok("every answer was right", not self.errors, self.errors[:20])
        ok("all kinds of operations were done", all(self.counts[action.__name__] for action, _ in Worker.WORK))
        ok("the same children did both halves", len(same) == len(second.children))
        if all(second.pss.values()):
            ok("memory of the children does not grow",
               all(second.pss[pid] <= first.pss[pid] + slack for pid in same), first, second)
        else:
            print("# memory of the children cannot be read")
        ok("nor do their file descriptors",
           all(second.descriptors[pid] <= first.descriptors[pid] + SLACK_DESCRIPTORS for pid in same), first, second)
        ok("nor those of the parent", last.parent <= base.parent + 2, base, last)
        ok("no session is left", all(reading.sessions == 0 for reading in readings))
        ok("no runtime file is left", all(reading.runtime == base.runtime for reading in readings), base, last)
        ok("no upload is left", all(reading.uploads == base.uploads for reading in readings), base, last)


def main():
    seconds, seed = int(sys.argv[1]), int(sys.argv[2])
    random.seed(seed)
    print("# %d seconds, seed %d" % (seconds, seed), flush=True)
    Soak(seconds, seed).run()


if __name__ == "__main__":
    main()
