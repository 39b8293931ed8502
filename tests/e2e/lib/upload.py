"""An upload that stops half way: upload.py PORT PATH FILE SIZE BEFORE.

Sends SIZE bytes of "x" in a form to http://127.0.0.1:PORT/PATH. After BEFORE of them it makes FILE.half and waits for
FILE.go: whose text is "on" to send the rest, or "reset" to vanish. The status of the answer goes to FILE.status ("-":
none). PATH with SIZE -N announces N bytes and sends none of them.
"""

import os
import socket
import struct
import sys
import time

HEAD = (b'--b\r\nContent-Disposition: form-data; name="fileData"; filename="x.txt"\r\n'
        b"Content-Type: text/plain\r\n\r\n")
TAIL = b"\r\n--b--\r\n"


def wait_for(path):
    deadline = time.monotonic() + 30
    while not os.path.exists(path) or os.path.getsize(path) == 0:
        if time.monotonic() > deadline:
            sys.exit("no " + path)
        time.sleep(0.02)
    with open(path) as file:
        return file.read().strip()


def answer_of(sock):
    data = b""
    try:
        while b"\r\n" not in data:
            more = sock.recv(4096)
            if not more:
                break
            data += more
    except OSError:
        pass
    line = data.split(b"\r\n")[0].split()
    return line[1].decode() if len(line) > 1 else "-"


def send(sock, path, size, before, file):
    length = -size if size < 0 else len(HEAD) + size + len(TAIL)
    sock.sendall(("POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n"
                  "Content-Type: multipart/form-data; boundary=b\r\n\r\n" % (path, length)).encode())
    if size < 0:
        return
    sock.sendall(HEAD + b"x" * before)
    open(file + ".half", "w").close()
    if wait_for(file + ".go") == "reset":
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()
        return
    try:
        sock.sendall(b"x" * (size - before) + TAIL)
    except OSError:
        pass  # refused meanwhile: the answer may be there all the same


def main():
    port, path, file, size, before = sys.argv[1:]
    sock = socket.create_connection(("127.0.0.1", int(port)))
    sock.settimeout(30)
    send(sock, path, int(size), int(before), file)
    status = answer_of(sock) if sock.fileno() >= 0 else "-"
    with open(file + ".part", "w") as out:
        out.write(status)
    os.rename(file + ".part", file + ".status")


main()
