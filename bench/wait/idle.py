"""Clients that wait for mail, each in a mailbox of its own of one account, beside Dovecot's IDLE:
idle.py PORT SERVER-PID FIRST-URLID COUNT FOLDER. A change is a copy of one message into the mailbox of one client."""

import contextlib
import os
import random
import select
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path += [os.path.join(HERE, "..", "lib"), os.path.join(HERE, "..", "..", "tests", "e2e", "lib")]
import imap  # noqa: E402
import measure  # noqa: E402
import polls  # noqa: E402
import servers  # noqa: E402
import ximss  # noqa: E402

SAMPLES = 60
INSTANCES = "/proc/sys/fs/inotify/max_user_instances"  # an IDLE of Dovecot takes one


class Ours:
    name = "mod_ximss"

    def __init__(self, port, pid, first, count):
        self.port, self.pid, self.first, self.count = port, pid, first, count
        self.pool = polls.Polls()
        self.held = []
        self.changer = self._client()
        for start in range(0, count, 500):
            self.changer.send(*['<mailboxCreate id="%d" mailbox="m%d"/>' % (i, i)
                                for i in range(start, min(start + 500, count))])
        self.changer.send('<folderOpen id="o" folder="in" mailbox="INBOX"/>')

    def _client(self):
        client = ximss.Ximss(self.port)
        client.session = polls.login(self.port, "user@example.org", "password", self.first)
        client.path = "/Session/%s/sync" % client.session
        return client

    def pids(self):
        return measure.process_tree(self.pid)

    def wait_all(self):
        for i in range(self.count):
            client = self._client()
            client.send('<folderOpen id="o" folder="f" mailbox="m%d"/>' % i)
            client.socket.close()
            poll = polls.Poll(self.pool, self.port, client.session)
            poll.send(120)
            self.held.append(poll)

    def change(self, i):
        """Milliseconds until the change is confirmed, and until the client that waits is told."""
        poll = self.held[i]
        start = time.monotonic()
        self.changer.send('<messageCopy id="c" folder="in" targetMailbox="m%d"><UID>1</UID></messageCopy>' % i)
        confirmed = time.monotonic()
        while not poll.answers and not poll.closed:
            self.pool.step(1)
        if poll.closed or "notify" not in poll.answers[0][1]:
            sys.exit("a poll ended: %r" % poll.answers)
        return (confirmed - start) * 1e3, (poll.answers[0][2] - start) * 1e3

    def stop(self):
        self.pool.close()


class Dovecot:
    name = "Dovecot"

    def __init__(self, folder, count):
        self.count = count
        self.server = servers.Dovecot(os.path.join(folder, "dovecot"), count + 100)
        self.held = []
        self.changer = imap.Imap(self.server.port, "bench")
        self.changer.append_many("INBOX", [("", "01-Jan-2026 00:00:00 +0000", b"Subject: one\r\n\r\n" + b"0" * 2000)])
        for i in range(count):
            self.changer.command("CREATE m%d" % i)
        self.changer.command("SELECT INBOX")

    def pids(self):
        return self.server.pids()

    def wait_all(self):
        for i in range(self.count):
            client = imap.Imap(self.server.port, "bench")
            client.command("SELECT m%d" % i)
            client.socket.sendall(b"I IDLE\r\n")
            if not client.socket.recv(1000).startswith(b"+"):
                sys.exit("no IDLE")
            self.held.append(client)

    def change(self, i):
        start = time.monotonic()
        confirmed = told = None
        target, changer = self.held[i].socket, self.changer.socket
        changer.sendall(b"C UID COPY 1 m%d\r\n" % i)
        while confirmed is None or told is None:
            for ready in select.select([target, changer], [], [], 60)[0]:
                data = ready.recv(65536)
                if ready is changer and b"C OK" in data:
                    confirmed = time.monotonic()
                elif ready is target and b"EXISTS" in data:
                    told = time.monotonic()
        return (confirmed - start) * 1e3, (told - start) * 1e3

    def stop(self):
        for client in self.held:
            client.close()
        self.server.stop()


def report(server):
    before = measure.pss_kb(server.pids())
    server.wait_all()
    time.sleep(3)
    pids = server.pids()
    memory = (measure.pss_kb(pids) - before) / server.count
    spent = measure.cpu_seconds(pids)
    time.sleep(5)
    spent = measure.cpu_seconds(server.pids()) - spent
    times = [server.change(i) for i in random.sample(range(server.count), min(SAMPLES, server.count))]
    confirmed, told = (sorted(column) for column in zip(*times))
    after = sorted(last - first for first, last in times)
    print("%-10s %d idle: %d processes, PSS %.0f KB a session, CPU %.0f ms in 5 idle s\n"
          "           change confirmed p50 %.2f ms; waiting client told p50 %.2f p99 %.2f ms, %.2f ms after the confirmation"
          % (server.name, server.count, len(pids), memory, spent * 1e3, confirmed[len(confirmed) // 2],
             told[len(told) // 2], told[len(told) * 99 // 100], after[len(after) // 2]))


@contextlib.contextmanager
def many_instances():
    """More inotify instances than a machine has by default, if we may."""
    with open(INSTANCES) as file:
        usual = file.read()
    try:
        with open(INSTANCES, "w") as file:
            file.write("8192")
        yield
    except PermissionError:
        raise servers.Skip("%s is %s; only root may set it" % (INSTANCES, usual.strip())) from None
    finally:
        with contextlib.suppress(OSError), open(INSTANCES, "w") as file:
            file.write(usual)


def run(make):
    server = make()
    try:
        report(server)
    finally:
        server.stop()


def main():
    port, pid, first, count, folder = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4]), sys.argv[5]
    servers.stop_on_signals()
    run(lambda: Ours(port, pid, first, count))
    try:
        with many_instances():
            run(lambda: Dovecot(folder, count))
    except servers.Skip as why:
        print("Dovecot: skipped:", why)


if __name__ == "__main__":
    main()
