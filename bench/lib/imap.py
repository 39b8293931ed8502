"""A small IMAP client for measuring: answers are kept as bytes, little is parsed."""

import re
import socket


def _last_line(data):
    """The last line of DATA, empty while its end is missing."""
    return data[data.rfind(b"\n", 0, -1) + 1:] if data.endswith(b"\r\n") else b""


class Imap:
    def __init__(self, port, user=None, password="bench"):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=600)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.tags = 0
        self._read_until(lambda data: data.endswith(b"\r\n"))
        if user:
            self.command("LOGIN %s %s" % (user, password))

    def _read_until(self, complete):
        data = bytearray()
        while not complete(data):
            more = self.socket.recv(1 << 18)
            if not more:
                raise EOFError("the IMAP server closed: %r" % bytes(data[-200:]))
            data += more
        return bytes(data)

    def _answer(self, tag):
        """All up to the line with TAG, which ends the answer."""
        start = tag + b" "
        data = self._read_until(lambda seen: _last_line(seen).startswith(start))
        if not _last_line(data).startswith(start + b"OK"):
            raise RuntimeError("IMAP: %r" % _last_line(data))
        return data

    def command(self, text):
        self.tags += 1
        tag = b"B%d" % self.tags
        self.socket.sendall(tag + b" " + (text.encode() if isinstance(text, str) else text) + b"\r\n")
        return self._answer(tag)

    def sort(self, order, criteria, first, last):
        """(number of hits, UIDs FIRST..LAST of them) sorted by the server."""
        answer = self.command("UID SORT RETURN (COUNT PARTIAL %d:%d) (%s) UTF-8 %s" %
                              (first, last, order, criteria))
        hits = int(re.search(rb"COUNT (\d+)", answer).group(1))
        uids = re.search(rb"PARTIAL \(\d+:\d+ ([0-9:,]+)\)", answer)
        return hits, uids.group(1).decode() if uids else ""

    def rows(self, uids):
        """The listing's columns of UIDS; returns the sizes, sorted (a server may answer in any order)."""
        if not uids:
            return []
        answer = self.command("UID FETCH %s (UID FLAGS RFC822.SIZE ENVELOPE)" % uids)
        return sorted(int(size) for size in re.findall(rb"RFC822\.SIZE (\d+)", answer))

    def sort_and_rows(self, order, criteria="ALL", first=1, last=50):
        hits, uids = self.sort(order, criteria, first, last)
        return hits, self.rows(uids)

    def append_many(self, mailbox, messages):
        """MULTIAPPEND of (flags, date, bytes)."""
        self.tags += 1
        tag = b"B%d" % self.tags
        parts = [tag, b" APPEND ", mailbox.encode()]
        for flags, date, data in messages:
            parts += [b' (%s) "%s" {%d+}\r\n' % (flags.encode(), date.encode(), len(data)), data]
        self.socket.sendall(b"".join(parts + [b"\r\n"]))
        return self._answer(tag)

    def close(self):
        self.socket.close()
