"""An SMTP server that keeps what it gets, for the end-to-end tests.

smtpsink.py FOLDER [PORT]    listens on PORT (any free one), writes it to FOLDER/port, and each message to FOLDER/N.eml
                             (dots undone, CRLF) with its envelope in FOLDER/N.env: sender, then recipients, a line each

A recipient whose local part is a number gets it as the answer: 550@x is refused. It offers no DSN, so a server in front
of it reports success itself.
"""
import os
import socketserver
import sys
import threading


class Sink(socketserver.StreamRequestHandler):
    lock = threading.Lock()
    count = 0

    def say(self, text):
        self.wfile.write(text.encode() + b"\r\n")

    def receive(self):
        lines = []
        while True:
            line = self.rfile.readline()
            if not line:
                return None
            if line == b".\r\n":
                return b"".join(lines)
            lines.append(line[1:] if line.startswith(b".") else line)

    def keep(self, data):
        with Sink.lock:
            Sink.count += 1
            name = os.path.join(sys.argv[1], str(Sink.count))
        with open(name + ".env", "w") as file:
            file.write("\n".join([self.sender] + self.recipients) + "\n")
        with open(name + ".new", "wb") as file:
            file.write(data)
        os.rename(name + ".new", name + ".eml")

    def recipient(self, address):
        local = address.partition("@")[0]
        if local.isdigit():
            self.say("%s %s.7.1 as you asked" % (local, local[0]))
        else:
            self.recipients.append(address)
            self.say("250 2.1.5 ok")

    def data(self):
        if not self.recipients:
            self.say("503 5.5.1 no recipients")
            return
        self.say("354 go on")
        message = self.receive()
        if message is not None:
            self.keep(message)
            self.say("250 2.0.0 kept")

    def handle(self):
        self.say("220 sink.test ESMTP")
        while True:
            line = self.rfile.readline().decode("utf-8", "replace").strip()
            verb = line.upper().partition(" ")[0]
            if not line or verb == "QUIT":
                break
            if verb == "EHLO":
                self.say("250-sink.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 ENHANCEDSTATUSCODES")
            elif verb == "MAIL":
                self.sender, self.recipients = line.partition("<")[2].partition(">")[0], []
                self.say("250 2.1.0 ok")
            elif verb == "RCPT":
                self.recipient(line.partition("<")[2].partition(">")[0])
            elif verb == "DATA":
                self.data()
            else:
                self.say("250 2.0.0 ok")
        if line:
            self.say("221 2.0.0 bye")


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


def main():
    port = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    with Server(("127.0.0.1", port), Sink) as server:
        with open(os.path.join(sys.argv[1], "port.new"), "w") as file:
            file.write("%d\n" % server.server_address[1])
        os.rename(file.name, os.path.join(sys.argv[1], "port"))
        server.serve_forever()


if __name__ == "__main__":
    main()
