"""Figures of waiting polls: wait.py PORT SERVER-PID FIRST-URLID COUNT [TLS-PORT]. One client thread; a wake is a newer poll of
the same session on another connection, so it crosses children. With TLS-PORT the polls wait over TLS."""

import os
import random
import socket
import ssl
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path += [os.path.join(HERE, "..", "lib"), os.path.join(HERE, "..", "..", "tests", "e2e", "lib")]
import measure  # noqa: E402
import polls  # noqa: E402


def threads(pid):
    return sum(len(os.listdir("/proc/%d/task" % each)) for each in [pid] + polls.children(pid))


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


def post_rate(port, pid, session, seconds=3):
    """POSTs a second, and microseconds of the server's CPU for one."""
    tree = measure.process_tree(pid)
    used = measure.cpu_seconds(tree)
    requests = Requests(port)
    end = time.monotonic() + seconds
    done = 0
    while time.monotonic() < end:
        requests.send("POST", "/Session/%s/sync" % session, b'<XIMSS><noop id="1"/></XIMSS>')
        requests.receive()
        done += 1
    return done / seconds, (measure.cpu_seconds(tree) - used) / done * 1e6


def wakes(pool, port, held, rate, count):
    """Milliseconds from sending a wake to the answer of the poll, sorted."""
    requests = Requests(port)
    found = []
    start = time.monotonic()
    for turn, poll in enumerate(random.sample(held, count)):
        left = start + turn / rate - time.monotonic()
        if left > 0:
            time.sleep(left)
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
    tls_port, tls = int(sys.argv[5]) if len(sys.argv) > 5 else None, None
    if tls_port:
        tls = ssl.create_default_context()
        tls.check_hostname = False
        tls.verify_mode = ssl.CERT_NONE
    pool = polls.Polls()
    sessions = [polls.login(port, "user@example.org", "password", first) for _ in range(count)]
    alone = post_rate(port, pid, first)
    before = measure.pss_kb(measure.process_tree(pid))
    held = []
    for session in sessions:
        poll = polls.Poll(pool, tls_port or port, session, tls)
        poll.send(120)
        held.append(poll)
    time.sleep(2)
    pool.step(0)
    waiting = sum(not poll.answers and not poll.closed for poll in held)
    tree = measure.process_tree(pid)
    after = measure.pss_kb(tree)
    used = measure.cpu_seconds(tree)
    time.sleep(5)
    used = measure.cpu_seconds(tree) - used
    print("%spolls %d, waiting %d, threads %d, PSS %.1f KB a poll, CPU in 5 idle s: %.1f ms"
          % ("TLS " if tls else "", count, waiting, threads(pid), (after - before) / count, used * 1e3))
    for wanted in (200, 1000):
        found, reached = wakes(pool, port, held, wanted, min(count, wanted * 2))
        print("  wakes at %d/s (reached %.0f): p50 %.2f ms, p99 %.2f ms, max %.2f ms, %d of %d"
              % (wanted, reached, found[len(found) // 2], found[len(found) * 99 // 100], found[-1],
                 len(found), min(count, wanted * 2)))
    print("  POST/s on one connection (CPU us each): %.0f (%.0f) without, %.0f (%.0f) with the polls"
          % (alone + post_rate(port, pid, first)))


if __name__ == "__main__":
    main()
