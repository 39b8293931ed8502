"""Phases of the test of live sessions: live.py PHASE PORT SERVER-PID FIRST-URLID; exit code 0: as it should be."""

import copy
import gc
import http.client
import os
import re
import signal
import sys
import threading
import time

import polls

USER, PASSWORD = "user@example.org", "password"
OPEN = '<folderOpen id="o" folder="in" mailbox="INBOX"><field>FLAGS</field></folderOpen>'


def fail(*what):
    print(*what)
    sys.exit(1)


class Client:
    """A session of its own on a keep-alive connection; repeats what was not answered, as clients do."""

    def __init__(self, port, first):
        self.port = port
        self.session = polls.login(port, USER, PASSWORD, first)
        self.number = 0
        self.connection = None

    def ask(self, path, body=None, seconds=60):
        """The answer to a request, repeated until there is one."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                if self.connection is None:
                    self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
                self.connection.request("GET" if body is None else "POST", "/Session/%s/%s" % (self.session, path), body)
                answer = self.connection.getresponse()
                text = answer.read().decode().strip()
                if answer.status != 503:
                    return answer.status, text
            except (OSError, http.client.HTTPException):
                self.connection = None
            time.sleep(0.02)
        return 0, "no answer"

    def batch(self, kind, text):
        self.number += 1
        status, reply = self.ask("%s?reqSeq=%d" % (kind, self.number), "<XIMSS>%s</XIMSS>" % text)
        if status != 200 or "errorNum" in reply:
            raise RuntimeError("%s: %d %s" % (kind, status, reply))
        return reply


class Listener(threading.Thread):
    """Polls for a session, and syncs its folder when told to."""

    def __init__(self, port, first):
        super().__init__(daemon=True)
        self.commands = Client(port, first)
        self.events = copy.copy(self.commands)  # the same session on a connection of its own
        self.lock = threading.Lock()
        self.commands.batch("sync", OPEN)
        self.ack, self.flags, self.replies, self.wrong = 0, "", [], None
        self.stop = False

    def say(self, kind, text):
        with self.lock:  # one batch at a time, as clients do
            return self.commands.batch(kind, text)

    def take(self, reply):
        found = re.match(r'<XIMSS respSeq="(\d+)">', reply)
        if not found:
            return
        if int(found.group(1)) != self.ack + 1:
            raise RuntimeError("batch %s after %d" % (found.group(1), self.ack))
        self.ack += 1
        self.replies += re.findall(r'<response id="(\d+)"/>', reply)
        if "notify" in reply:
            flags = re.findall(r"<FLAGS>([^<]*)</FLAGS>", self.say("sync", '<folderSync id="s" folder="in"/>'))
            self.flags = flags[-1] if flags else self.flags

    def run(self):
        try:
            while not self.stop:
                status, reply = self.events.ask("?ackSeq=%d&maxWait=5" % self.ack)
                if status != 200 and not self.stop:
                    raise RuntimeError("poll: %d %s" % (status, reply))
                self.take(reply)
        except (RuntimeError, OSError) as error:
            self.wrong = str(error)


def wait_until(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
    return condition()


def restarts(port, pid, first):
    """Two graceful restarts while sessions mark, sync, poll and send asynchronous batches."""
    listeners = [Listener(port, first) for _ in range(10)]
    changer = Client(port, first)
    changer.batch("sync", OPEN)
    old = polls.children(pid)
    for listener in listeners:
        listener.start()
    for turn in range(1, 41):
        if turn in (10, 25):
            os.kill(pid, signal.SIGUSR1)
        changer.batch("sync", '<messageMark id="m" folder="in" flags="%s"><UID>1</UID></messageMark>'
                      % ("Flagged" if turn % 2 else "Unflagged"))
        for listener in listeners:
            listener.say("async", '<noop id="%d"/>' % turn)
    changer.batch("sync", '<messageMark id="m" folder="in" flags="Answered"><UID>1</UID></messageMark>')
    wanted = [str(turn) for turn in range(1, 41)]
    done = lambda: all(each.wrong or ("Answered" in each.flags and len(each.replies) >= 40) for each in listeners)
    wait_until(done)
    for listener in listeners:
        if listener.wrong or "Answered" not in listener.flags or listener.replies != wanted:
            fail(listener.wrong, listener.flags, listener.replies)
        listener.stop = True
        listener.commands.batch("sync", '<bye id="end"/>')
        listener.join()
    if not wait_until(lambda: not set(old) & set(polls.children(pid))):
        fail("old children stay")


def silent(port, pid, first):
    """A client that takes no replies is dropped, and what it had with it."""
    before = polls.status(port)["XimssSessions"]
    client = Client(port, first)
    status, count = 200, 0
    while status == 200 and count < 1001:
        status, text = client.ask("async", '<XIMSS><noop id="1"/></XIMSS>')
        count += 1
        if count % 100 == 0:  # a poll that acknowledges nothing changes nothing
            client.ask("?ackSeq=0&maxWait=0")
    # the first ones are in the batch that is kept
    while status == 200 and count < 1200:
        status, text = client.ask("async", '<XIMSS><noop id="1"/></XIMSS>')
        count += 1
    if status == 200 or "too many replies" not in text:
        fail(count, status, text)
    status, text = client.ask("?ackSeq=0&maxWait=0")
    if "<bye/>" not in text:
        fail("after it:", status, text)
    status, text = client.ask("?ackSeq=0&maxWait=0")
    if status != 550:
        fail("then:", status, text)
    if polls.status(port)["XimssSessions"] != before:
        fail("its slot is not free")


def ticks(pid):
    """Nanoseconds of processor that the children of PID used."""
    total = 0
    for child in polls.children(pid):
        for thread in os.listdir("/proc/%d/task" % child):
            with open("/proc/%d/task/%s/schedstat" % (child, thread)) as file:
                total += int(file.read().split()[0])
    return total


def sync_cost(client, pid, count=400):
    """Median seconds of a batch as its client sees it, and processor time of the server for one."""
    times = []
    before = ticks(pid)
    for _ in range(count):
        start = time.monotonic()
        client.batch("sync", '<noop id="1"/>')
        times.append(time.monotonic() - start)
    return sorted(times)[count // 2], (ticks(pid) - before) / count


def beside(port, pid, first):
    """2,000 polls on 50 workers are held beside batches, which take no more processor time than without them: best of
    three, since others use the machine. The latency is only told: it is the machine's."""
    client = Client(port, first)
    sessions = [polls.login(port, USER, PASSWORD, first) for _ in range(2000)]
    sync_cost(client, pid)
    alone = [sync_cost(client, pid) for _ in range(3)]
    pool = polls.Polls()
    held = []
    for session in sessions:
        held.append(polls.Poll(pool, port, session))
        held[-1].send(120)
    if not wait_until(lambda: not pool.step(0.5)):
        fail("they do not wait")
    if any(poll.answers or poll.closed for poll in held):
        fail(sum(bool(poll.answers) for poll in held), "polls were answered")
    among = [sync_cost(client, pid) for _ in range(3)]
    pool.close()
    latency = min(among)[0] / min(alone)[0]
    work = min(cost for _, cost in among) / min(cost for _, cost in alone)
    print("# with 2,000 polls: latency * %.2f, processor * %.2f" % (latency, work))
    if work > 3:
        fail("alone", alone, "beside them", among)


if __name__ == "__main__":
    globals()[sys.argv[1]](*map(int, sys.argv[2:4]), sys.argv[4])
    gc.collect()  # closes what is left
    polls.quiet(int(sys.argv[2]))
