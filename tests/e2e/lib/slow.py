"""A client that reads an answer slowly: slow.py PORT PATH NAME FIRST. Reads the header and FIRST bytes of the body, makes
NAME.half, waits for NAME.go, reads the rest, writes the body to NAME.body and then "LENGTH announced" to NAME.done."""
import os
import socket
import sys
import time

port, path, name, first = int(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
connection = socket.socket()
connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
connection.settimeout(60)
connection.connect(('127.0.0.1', port))
connection.sendall(f'GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'.encode())
data = b''
while b'\r\n\r\n' not in data:
    data += connection.recv(4096)
header, body = data.split(b'\r\n\r\n', 1)
announced = [line.split(b':')[1].strip() for line in header.split(b'\r\n') if line.lower().startswith(b'content-length')]
while len(body) < first:
    body += connection.recv(4096)
open(name + '.half', 'w').close()
deadline = time.monotonic() + 60
while not os.path.exists(name + '.go') and time.monotonic() < deadline:
    time.sleep(0.05)
rest = [body]
try:
    while True:
        more = connection.recv(65536)
        if not more:
            break
        rest.append(more)
except OSError:
    pass
body = b''.join(rest)
with open(name + '.body', 'wb') as file:
    file.write(body)
with open(name + '.new', 'w') as file:
    print(len(body), announced[0].decode(), file=file)
os.rename(name + '.new', name + '.done')
