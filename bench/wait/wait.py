"""Figures of waiting polls: wait.py PORT SERVER-PID FIRST-URLID COUNT. One client thread; a wake is a newer poll of the same
session on another connection, so it crosses children."""

import os
import random
import socket
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "..", "tests", "e2e", "lib"))
import polls  # noqa: E402


def memory_kb(pid):
    total = 0
    for each in [pid] + polls.children(pid):
        with open("/proc/%d/smaps_rollup" % each) as lines:
            total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total


def threads(pid):
    return sum(len(os.listdir("/proc/%d/task" % each)) for each in [pid] + polls.children(pid))


def ticks(pid):
    total = 0
    for each in [pid] + polls.children(pid):
        with open("/proc/%d/stat" % each) as line:
            total += sum(map(int, line.read().rsplit(")", 1)[1].split()[11:13]))
    return total


class Requests:
    """One connection for requests, one after the other."""

    def __init__(self, port):
        self.sock = socket.create_connection(("127.0.0.1", port))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, method, path, body=b""):
        self.sock.sendall(("%s %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
                           % (method, path, len(body))).encode() + body)

    def receive(self):
        data = b""
        while b"</XIMSS>\r\n" not in data and b"<XIMSS/>\r\n" not in data:
            data += self.sock.recv(65536)


def post_rate(port, session, seconds=3):
    requests = Requests(port)
    end = time.monotonic() + seconds
    done = 0
    while time.monotonic() < end:
        requests.send("POST", "/Session/%s/sync" % session, b'<XIMSS><noop id="1"/></XIMSS>')
        requests.receive()
        done += 1
    return done / seconds


def wakes(pool, port, held, rate, count):
    """Milliseconds from sending a wake to the answer of the poll, sorted."""
    requests = Requests(port)
    found = []
    start = time.monotonic()
    for turn, poll in enumerate(random.sample(held, count)):
        while time.monotonic() < start + turn / rate:
            pass
        before = len(poll.answers)
        sent = time.monotonic()
        requests.send("GET", "/Session/%s/?maxWait=0" % poll.session)
        while len(poll.answers) == before and not poll.closed:
            pool.step(1)
        if poll.closed:
            continue
        found.append((poll.answers[-1][2] - sent) * 1000)
        requests.receive()
        poll.send(120)
    return sorted(found), count / (time.monotonic() - start)


def main():
    port, pid, first, count = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
    pool = polls.Polls()
    sessions = [polls.login(port, "user@example.org", "password", first) for _ in range(count)]
    rate = post_rate(port, first)
    before = memory_kb(pid)
    held = []
    for session in sessions:
        poll = polls.Poll(pool, port, session)
        poll.send(120)
        held.append(poll)
    time.sleep(2)
    pool.step(0)
    waiting = sum(not poll.answers and not poll.closed for poll in held)
    after = memory_kb(pid)
    used = ticks(pid)
    time.sleep(5)
    used = ticks(pid) - used
    print("polls %d, waiting %d, threads %d, PSS %.1f KB a poll, CPU in 5 idle s: %d ticks"
          % (count, waiting, threads(pid), (after - before) / count, used))
    for wanted in (200, 1000):
        found, reached = wakes(pool, port, held, wanted, min(count, wanted * 2))
        print("  wakes at %d/s (reached %.0f): p50 %.2f ms, p99 %.2f ms, max %.2f ms, %d of %d"
              % (wanted, reached, found[len(found) // 2], found[len(found) * 99 // 100], found[-1],
                 len(found), min(count, wanted * 2)))
    print("  POST/s on one connection: %.0f without, %.0f with the polls" % (rate, post_rate(port, first)))


if __name__ == "__main__":
    main()
