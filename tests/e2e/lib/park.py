"""Phases of the test of parked polls: park.py PHASE PORT SERVER-PID FIRST-URLID [TLS-PORT]; exit code 0: as it should be."""

import os
import signal
import ssl
import sys

import polls

MANY = 500
IDLE = "<XIMSS/>"


def fail(*what):
    print(*what)
    sys.exit(1)


def parked(port):
    return polls.status(port)["XimssPollsOfChild"]


def hold(pool, port, first, count, tls=None, tls_port=None):
    """COUNT polls of as many sessions that wait."""
    held = []
    for _ in range(count):
        poll = polls.Poll(pool, tls_port or port, polls.login(port, "user@example.org", "password", first), tls)
        poll.send(100)
        held.append(poll)
    return held


def end_all(port, held):
    for poll in held:
        polls.request(port, "GET", "/Session/%s/KILL" % poll.session)


def answered(held, code, count=1):
    return lambda: all(len(p.answers) >= count and p.answers[-1][0] == code for p in held)


def many(pool, port, pid, first):
    """More polls than threads, and sync answers beside them."""
    held = hold(pool, port, first, MANY)
    for poll in held[:20]:
        code, text = polls.request(port, "POST", "/Session/%s/sync" % poll.session, '<XIMSS><noop id="1"/></XIMSS>')
        if code != 200 or 'response id="1"' not in text:
            fail("sync", code, text)
    pool.step(0)
    if any(poll.answers or poll.closed for poll in held):
        fail("a poll did not wait")
    for poll in held:  # a newer poll ends the older one, whichever child has it
        polls.request(port, "GET", "/Session/%s/?maxWait=0" % poll.session)
    if not pool.until(answered(held, 200)):
        fail(sum(not poll.answers for poll in held), "polls were not ended by a newer one")
    for poll in held:  # on the same connection, unless httpd closed it as all its workers were busy
        if not poll.closed:
            poll.send(100)
    end_all(port, held)

    def ended():
        for poll in held:
            if poll.closed and len(poll.answers) < 2:
                poll.connect(port)
                poll.send(100)
        return answered(held, 550, 2)()

    if not pool.until(ended):
        fail(sum(poll.closed for poll in held), "are closed,", sum(len(poll.answers) < 2 for poll in held), "polls did not see the end of the session")


def keep(pool, port, pid, first, tls=None, tls_port=None):
    """Keep-alive and pipelining behind polls."""
    poll = polls.Poll(pool, tls_port or port, polls.login(port, "user@example.org", "password", first), tls)
    for turn in range(1, 4):
        poll.send(100)
        while len(poll.answers) < turn and not poll.closed:  # the newer poll may come first
            polls.request(port, "GET", "/Session/%s/?maxWait=0" % poll.session)
            pool.step(0.05)
    poll.send(1, times=3)
    if not pool.until(lambda: len(poll.answers) == 6):
        fail("pipeline", poll.answers)
    if any(answer[:2] != (200, IDLE) for answer in poll.answers):
        fail(poll.answers)


def client_context():
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def tls(pool, port, pid, first, tls_port):
    """The same over TLS."""
    context = client_context()
    keep(pool, port, pid, first, context, tls_port)
    held = hold(pool, port, first, 20, context, tls_port)
    end_all(port, held)
    if not pool.until(answered(held, 550)):
        fail("TLS polls did not end")


def late(pool, port, pid, first, tls_port=None):
    """Timeout is shorter than the wait."""
    poll = polls.Poll(pool, tls_port or port, polls.login(port, "user@example.org", "password", first),
                      client_context() if tls_port else None)
    poll.send(7)
    if not pool.until(lambda: poll.answers or poll.closed):
        fail("no answer")
    if poll.closed or poll.answers[0][:2] != (200, IDLE):
        fail(poll.closed, poll.answers)
    poll.send(0)
    if not pool.until(lambda: len(poll.answers) == 2):
        fail("the connection is of no use")


def held(pool, port, pid, first):
    """The server is stopped, not by us."""
    waiting = hold(pool, port, first, 300)
    print("held", flush=True)
    if not pool.until(lambda: all(poll.closed for poll in waiting)):
        fail("polls are left")


def gone(pool, port, pid, first, tls_port=None):
    """Clients that go free what they had (one child)."""
    before = parked(port)
    files = len(os.listdir("/proc/%d/fd" % polls.children(pid)[0]))
    held = hold(pool, port, first, 50, client_context() if tls_port else None, tls_port)
    if not pool.until(lambda: parked(port) == before + 50):
        fail("they do not wait:", parked(port))
    for poll in held:
        poll.close()
    if not pool.until(lambda: parked(port) == before):
        fail("still there:", parked(port) - before)
    if not pool.until(lambda: len(os.listdir("/proc/%d/fd" % polls.children(pid)[0])) <= files + 2):
        fail("descriptors are left")


def full(pool, port, pid, first):
    """More than may be parked (10) and may block (2): at once (one child)."""
    held = hold(pool, port, first, 12)
    if not pool.until(lambda: parked(port) == 12):
        fail("they do not wait:", parked(port))
    more = polls.Poll(pool, port, polls.login(port, "user@example.org", "password", first))
    more.send(100)
    if not pool.until(lambda: more.answers) or any(poll.answers for poll in held):
        fail("the last one waits")
    end_all(port, held)
    if not pool.until(answered(held, 550)):
        fail("they did not end")


def restart(pool, port, pid, first):
    """A graceful restart answers all; sessions and polls go on, also when a child is killed."""
    held = hold(pool, port, first, 200)
    old = polls.children(pid)
    os.kill(pid, signal.SIGUSR1)
    if not pool.until(answered(held, 200)):
        fail(sum(not poll.answers for poll in held), "are not answered")
    if any(poll.answers[0][1] != IDLE for poll in held):
        fail("wrong answers")
    if not pool.until(lambda: not set(old) & set(polls.children(pid))):
        fail("old children stay")
    again = [polls.Poll(pool, port, poll.session) for poll in held]
    for poll in again:
        poll.send(100)
    victim = polls.children(pid)[0]
    os.kill(victim, signal.SIGKILL)
    if not pool.until(lambda: victim not in polls.children(pid)):
        fail("the child lives")
    pool.step(0.1)
    for poll in again:
        if poll.closed:
            poll.connect(port)
            poll.send(100)
    end_all(port, again)
    if not pool.until(answered(again, 550)):
        fail(sum(not poll.answers for poll in again), "did not see the end")


if __name__ == "__main__":
    pool = polls.Polls()
    globals()[sys.argv[1]](pool, *map(int, sys.argv[2:4]), sys.argv[4], *map(int, sys.argv[5:]))
    pool.close()
    polls.quiet(int(sys.argv[2]))
