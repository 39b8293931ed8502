"""Many polls on one thread: what tests and benchmarks of waiting share."""

import os
import selectors
import socket
import ssl
import time


class Poll:
    """One connection that sends polls and reads their answers."""

    def __init__(self, pool, port, session, tls=None):
        self.pool = pool
        self.session = session
        self.answers = []
        self.connect(port, tls)

    def connect(self, port, tls=None):
        self.data = b""
        self.closed = False
        self.sock = socket.create_connection(("127.0.0.1", port))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls is not None:
            self.sock = tls.wrap_socket(self.sock)
        self.sock.setblocking(False)
        self.pool.selector.register(self.sock, selectors.EVENT_READ, self)

    def send(self, wait, extra="", times=1):
        line = "GET /Session/%s/?maxWait=%d%s HTTP/1.1\r\nHost: x\r\n\r\n" % (self.session, wait, extra)
        self.sock.setblocking(True)
        self.sock.sendall(line.encode() * times)
        self.sock.setblocking(False)

    def read(self):
        try:
            while True:
                more = self.sock.recv(65536)
                if not more:
                    self.close()
                    break
                self.data += more
        except (BlockingIOError, ssl.SSLWantReadError):
            pass
        except OSError:
            self.close()
        now = time.monotonic()
        while True:
            head, found, rest = self.data.partition(b"\r\n\r\n")
            if not found:
                break
            length = 0
            for line in head.split(b"\r\n")[1:]:
                name, _, value = line.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
            if len(rest) < length:
                break
            self.answers.append((int(head.split()[1]), rest[:length].strip().decode(), now))
            self.data = rest[length:]

    def close(self):
        if not self.closed:
            self.closed = True
            self.pool.selector.unregister(self.sock)
            self.sock.close()


class Polls:
    def __init__(self):
        self.selector = selectors.DefaultSelector()

    def close(self):
        for key in list(self.selector.get_map().values()):
            key.data.close()

    def step(self, seconds):
        """Reads what has come, waiting at most SECONDS for the first of it; the polls that were read."""
        read = []
        for key, _ in self.selector.select(seconds):
            key.data.read()
            read.append(key.data)
        return read

    def until(self, condition, seconds=60):
        """Whether CONDITION came true; the time only ends a test that fails."""
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                return False
            self.step(0.05)
        return True


def request(port, method, path, body=None):
    """One request on a connection of its own: status, body."""
    with socket.create_connection(("127.0.0.1", port)) as sock:
        payload = body.encode() if body is not None else b""
        sock.sendall(("%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
                      % (method, path, len(payload))).encode() + payload)
        data = b""
        while True:
            more = sock.recv(65536)
            if not more:
                break
            data += more
    head, _, rest = data.partition(b"\r\n\r\n")
    return int(head.split()[1]), rest.decode()


def status(port):
    """The lines of ours on the status page, of the child that answers."""
    lines = request(port, "GET", "/status?auto")[1].splitlines()
    return {line.split(":")[0]: int(line.split(":")[1]) for line in lines if line.startswith("Ximss")}


def quiet(port):
    """Waits until no worker is at a request or closes a connection: httpd may crash when it is stopped then (its
    close_worker_sockets). Of many clients that go at once workers take some at a time: one idle look is not the end."""
    idle = 0
    end = time.monotonic() + 30
    while idle < 10 and time.monotonic() < end:
        try:
            idle = idle + 1 if "BusyWorkers: 1" in request(port, "GET", "/status?auto")[1].splitlines() else 0
        except OSError:
            return  # it does not run
        time.sleep(0.05)


def login(port, user, password, first=None):
    """The urlID of a new session; by the urlID FIRST of another one no password is hashed."""
    query = "userName=%s&%s" % (user, "sessionid=" + first if first else "password=" + password)
    code, text = request(port, "GET", "/XIMSSLogin/?errorAsXML=1&" + query)
    if 'urlID="' not in text:
        raise RuntimeError("login: %d %s" % (code, text))
    return text.split('urlID="')[1].split('"')[0]


def children(pid):
    """The process ids of the children of PID."""
    with os.popen("ps -o pid= --ppid %d" % pid) as out:
        return [int(word) for word in out.read().split()]
