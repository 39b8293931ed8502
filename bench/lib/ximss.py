"""A small XIMSS client for measuring: one keep-alive connection, answers are kept as bytes."""

import re
import socket
import urllib.parse

FIELDS = ("FLAGS", "From", "Subject", "Date", "SIZE")


class Ximss:
    def __init__(self, port, user=None, password="bench"):
        self.port = port
        self.socket = None
        self.path = None
        if user:
            self.login(user, password)

    def _connect(self):
        self.socket = socket.create_connection(("127.0.0.1", self.port), timeout=600)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def request(self, method, path, body=b""):
        """The body of the answer; a keep-alive connection that the server ended is opened again."""
        head = "%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/xml\r\nContent-Length: %d\r\n\r\n"
        data = (head % (method, path, len(body))).encode() + body
        if self.socket is None:
            self._connect()
        try:
            self.socket.sendall(data)
            return self._answer()
        except (ConnectionError, EOFError):
            self._connect()
            self.socket.sendall(data)
            return self._answer()

    def _more(self, data):
        more = self.socket.recv(1 << 18)
        if not more:
            raise EOFError("the server closed")
        data += more

    def _answer(self):
        data = bytearray()
        while b"\r\n\r\n" not in data:
            self._more(data)
        end = data.index(b"\r\n\r\n")
        head = bytes(data[:end]).lower()
        length = re.search(rb"content-length: *(\d+)", head)
        if length:
            stop = end + 4 + int(length.group(1))
            while len(data) < stop:
                self._more(data)
            body = bytes(data[end + 4:stop])
        else:
            while not data.endswith(b"0\r\n\r\n"):
                self._more(data)
            body = self._unchunk(bytes(data[end + 4:]))
        if b"connection: close" in head:
            self.socket.close()
            self.socket = None
        if b" 200 " not in head[:13]:
            raise RuntimeError("HTTP: %r %r" % (head[:40], body[:300]))
        return body

    @staticmethod
    def _unchunk(data):
        body, start = b"", 0
        while True:
            end = data.index(b"\r\n", start)
            length = int(data[start:end].split(b";")[0], 16)
            if length == 0:
                return body
            body += data[end + 2:end + 2 + length]
            start = end + 4 + length

    def login(self, user, password):
        query = urllib.parse.urlencode({"errorAsXML": 1, "userName": user, "password": password})
        answer = self.request("GET", "/XIMSSLogin/?" + query)
        found = re.search(rb'urlID="([^"]+)"', answer)
        if not found:
            raise RuntimeError("login: %r" % answer[:300])
        self.path = "/Session/%s/sync" % found.group(1).decode()

    def send(self, *requests):
        """One batch of request elements; an error of any is an exception."""
        answer = self.request("POST", self.path, ("<XIMSS>%s</XIMSS>" % "".join(requests)).encode())
        if b"errorNum=" in answer:
            raise RuntimeError("XIMSS: %r" % answer[-500:])
        return answer

    def close(self):
        self.send('<bye id="bye"/>')
        if self.socket:
            self.socket.close()


def browse(first, last, folder="f"):
    return '<folderBrowse id="b" folder="%s"><index from="%d" till="%d"/></folderBrowse>' % (
        folder, first, last)


def _view(order, descending, word):
    text = ' sortField="%s" sortOrder="%s"' % (order, "desc" if descending else "asc")
    if word:
        text += ' filter="%s" filterField="Subject"' % word
    return text


def open_folder(order="Date", descending=True, word=None, fields=FIELDS, folder="f"):
    return '<folderOpen id="o" folder="%s" mailbox="INBOX"%s>%s</folderOpen>' % (
        folder, _view(order, descending, word), "".join("<field>%s</field>" % name for name in fields))


def reopen_folder(order="Date", descending=True, word=None, folder="f"):
    return '<folderReopen id="o" folder="%s"%s/>' % (folder, _view(order, descending, word))


def read(uid, folder="f"):
    return '<folderRead id="r" folder="%s" UID="%d" totalSizeLimit="1000000"/>' % (folder, uid)


def hits_and_sizes(answer):
    """What a listing said, to compare servers: (messages in the view, sorted sizes of the rows)."""
    found = re.search(rb'<folderReport [^>]*messages="(\d+)"[^>]*mode="init"', answer)
    sizes = sorted(int(size) for size in re.findall(rb"<SIZE>(\d+)</SIZE>", answer))
    return int(found.group(1)) if found else None, sizes
