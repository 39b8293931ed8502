#!/usr/bin/env python3
"""Makes realistic messages for the benchmarks: the same arguments give the same bytes.

gen.py --count 100000 --to DIR [--format maildir|eml|mbox] [--seed 1] [--attachments 5]

Messages of 2 to 10 KB (median about 6), 30 % multipart/alternative, some with a 100 KB attachment, some
with encoded words and quoted-printable text; 1 % of the subjects hold the word "invoice". CRLF line ends.
"""

import argparse
import base64
import os
import quopri
import random
import time
from email.header import Header
from email.utils import formatdate

FIRST_DATE = 1600000000
SPAN = 5 * 365 * 86400
SYLLABLES = ("ba ce di fo gu ka le mi no pu ra se ti vo xu za tra ble ston ing er al ment con pre lor "
             "dis sal mon tic").split()
ACCENTS = ["é", "ü", "ñ", "ø", "ç", "ж", "я", "中", "語"]
MAILERS = ["Thunderbird 128", "Apple Mail (2.3774)", "Roundcube Webmail/1.6", "Outlook 16.0", "mutt/2.2"]
WORD = "invoice"


class Generator:
    """Yields (unix time, flags, bytes) for each message."""

    def __init__(self, count, seed, attachments):
        self.count = count
        self.attachments = attachments / 100.0
        self.random = random.Random(seed)
        self.words = self._vocabulary(12000)
        self.weights = self._zipf(len(self.words), 3)
        self.paragraphs = [self._paragraph() for _ in range(6000)]
        self.subjects = [" ".join(self._some(self.random.randint(2, 8))).capitalize()
                         for _ in range(12000)]
        domains = [word + ".example" for word in self._some(150)]
        self.people = [self._person(domains) for _ in range(3000)]
        self.people_weights = self._zipf(len(self.people), 10)
        self.files = [base64.encodebytes(self.random.randbytes(100 * 1024)).replace(b"\n", b"\r\n")
                      for _ in range(32)]

    def _vocabulary(self, size):
        words = set()
        while len(words) < size:
            words.add("".join(self.random.choices(SYLLABLES, k=self.random.choice((1, 2, 2, 3, 3, 4)))))
        words = sorted(words)
        self.random.shuffle(words)
        return words

    @staticmethod
    def _zipf(size, shift):
        total, sums = 0.0, []
        for i in range(size):
            total += 1.0 / (i + shift)
            sums.append(total)
        return sums

    def _some(self, count):
        return self.random.choices(self.words, cum_weights=self.weights, k=count)

    def _paragraph(self):
        lines, line = [], ""
        for word in self._some(self.random.randint(45, 110)):
            if len(line) + len(word) > 70:
                lines.append(line)
                line = word
            else:
                line = line + " " + word if line else word.capitalize()
        return "\r\n".join(lines + [line + ".\r\n"])

    def _person(self, domains):
        first, last = (word.capitalize() for word in self._some(2))
        address = "%s.%s@%s" % (first.lower(), last.lower(), self.random.choice(domains))
        if self.random.random() < 0.05:
            last += self.random.choice(ACCENTS)
        name = first + " " + last
        return (name if name.isascii() else Header(name, "utf-8").encode()), address

    def _subject(self):
        subject = self.random.choice(self.subjects)
        if self.random.random() < 0.01:
            subject += " %s %d" % (WORD, self.random.randint(1000, 9999))
        if self.random.random() < 0.35:
            subject = "Re: " + subject
        if self.random.random() < 0.05:
            subject = Header(subject + self.random.choice(ACCENTS), "utf-8").encode(linesep="\r\n")
        return subject

    def _header(self, number, date):
        some = self.random
        sender = some.choices(self.people, cum_weights=self.people_weights)[0]
        host = sender[1].split("@")[1]
        signature = "\r\n\t ".join(base64.b64encode(some.randbytes(48)).decode() for _ in range(4))
        lines = [
            "Return-Path: <%s>" % sender[1],
            "Received: from mx.%s (mx.%s [192.0.2.%d])\r\n\tby mail.example.org with ESMTPS id %08X\r\n"
            "\tfor <bench@example.org>; %s" % (host, host, some.randint(1, 254), some.getrandbits(32),
                                               formatdate(date + some.randint(1, 60))),
            "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=%s; s=s1;\r\n"
            "\th=from:to:subject:date:message-id;\r\n\tb=%s" % (host, signature),
            "From: %s <%s>" % sender,
            "To: %s <%s>" % self.people[some.randrange(50)],
        ]
        if some.random() < 0.3:
            copies = [self.people[some.randrange(len(self.people))] for _ in range(some.randint(1, 3))]
            lines.append("Cc: " + ",\r\n ".join("%s <%s>" % person for person in copies))
        subject = self._subject()
        lines += ["Subject: " + subject, "Date: " + formatdate(date),
                  "Message-ID: <%016x.%d@%s>" % (some.getrandbits(64), number, host)]
        if subject.startswith("Re: "):
            lines.append("In-Reply-To: <%016x@%s>" % (some.getrandbits(64), host))
        if some.random() < 0.02:
            lines.append("List-Id: Development <dev.lists.example>")
        return lines + ["X-Mailer: " + some.choice(MAILERS), "MIME-Version: 1.0"]

    def _text(self, size):
        text, length = [], 0
        while length < size:
            text.append(self.random.choice(self.paragraphs))
            length += len(text[-1]) + 2
        return text

    def _part(self, text):
        """The field lines and bytes of a text/plain part."""
        body = "\r\n".join(text)
        if self.random.random() < 0.15:
            for letter in ACCENTS[:3]:
                body = body.replace(self.random.choice("aeo") + " ", letter + " ", 20)
            body = quopri.encodestring(body.encode().replace(b"\r\n", b"\n")).replace(b"\n", b"\r\n")
            return ("Content-Type: text/plain; charset=utf-8\r\n"
                    "Content-Transfer-Encoding: quoted-printable"), body
        return "Content-Type: text/plain; charset=us-ascii\r\nContent-Transfer-Encoding: 7bit", body.encode()

    def message(self, number, date):
        header = self._header(number, date)
        kind = self.random.random()
        size = self.random.randint(900, 7000)
        boundary = "=_%024x" % self.random.getrandbits(96)
        if kind < self.attachments:
            return self._mixed(header, boundary, size, number)
        if kind < self.attachments + 0.3:
            return self._alternative(header, boundary, size // 2)
        fields, body = self._part(self._text(size))
        return ("\r\n".join(header + [fields]) + "\r\n\r\n").encode() + body

    def _mixed(self, header, boundary, size, number):
        fields, body = self._part(self._text(size))
        header.append('Content-Type: multipart/mixed; boundary="%s"' % boundary)
        head = "%s\r\n\r\n--%s\r\n%s\r\n\r\n" % ("\r\n".join(header), boundary, fields)
        part = ('\r\n--%s\r\nContent-Type: application/pdf; name="report%d.pdf"\r\n'
                'Content-Disposition: attachment; filename="report%d.pdf"\r\n'
                "Content-Transfer-Encoding: base64\r\n\r\n" % (boundary, number, number))
        return (head.encode() + body + part.encode() + self.random.choice(self.files) +
                ("--%s--\r\n" % boundary).encode())

    def _alternative(self, header, boundary, size):
        text = self._text(size)
        fields, body = self._part(text)
        html = "".join("<p>%s</p>\r\n" % paragraph.rstrip() for paragraph in text)
        header.append('Content-Type: multipart/alternative; boundary="%s"' % boundary)
        head = "%s\r\n\r\n--%s\r\n%s\r\n\r\n" % ("\r\n".join(header), boundary, fields)
        tail = ("\r\n--%s\r\nContent-Type: text/html; charset=us-ascii\r\n\r\n"
                "<html><body>\r\n%s</body></html>\r\n\r\n--%s--\r\n" % (boundary, html, boundary))
        return head.encode() + body + tail.encode()

    def _flags(self):
        flags = ""
        if self.random.random() < 0.05:
            flags += "F"
        if self.random.random() < 0.2:
            flags += "R"
        if self.random.random() < 0.7:
            flags += "S"
        return flags

    def __iter__(self):
        for number in range(self.count):
            arrival = FIRST_DATE + SPAN * number // max(self.count, 1)
            date = arrival - int(abs(self.random.gauss(0, 1.5 * 86400)))
            yield arrival, self._flags(), self.message(number, date)


def write_maildir(messages, path):
    for folder in ("cur", "new", "tmp"):
        os.makedirs(os.path.join(path, folder))
    for number, (arrival, flags, data) in enumerate(messages):
        name = "%010d.M%06dP1.bench:2,%s" % (arrival, number, flags)
        with open(os.path.join(path, "cur", name), "wb") as file:
            file.write(data)


def write_eml(messages, path):
    os.makedirs(path)
    for number, (_, _, data) in enumerate(messages):
        with open(os.path.join(path, "%06d.eml" % number), "wb") as file:
            file.write(data)


def write_mbox(messages, path):
    with open(path, "xb") as file:
        for arrival, flags, data in messages:
            status = "Status: %sO\r\nX-Status: %s%s\r\n" % (
                "R" * ("S" in flags), "A" * ("R" in flags), "F" * ("F" in flags))
            file.write(b"From bench@example.org %s\n" % time.asctime(time.gmtime(arrival)).encode())
            file.write(status.encode() + data.replace(b"\nFrom ", b"\n>From ") + b"\n")


WRITERS = {"maildir": write_maildir, "eml": write_eml, "mbox": write_mbox}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--to", required=True, help="folder (mbox: file) to make")
    parser.add_argument("--format", choices=sorted(WRITERS), default="maildir")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--attachments", type=float, default=5, help="percent with 100 KB attached")
    options = parser.parse_args()
    WRITERS[options.format](Generator(options.count, options.seed, options.attachments), options.to)


if __name__ == "__main__":
    main()
