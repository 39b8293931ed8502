"""The two servers of a run, started for it and stopped after it: ours by quickstart, Dovecot by dovecot.sh."""

import os
import re
import signal
import socket
import subprocess
import sys
import time

import imap
import measure
import ximss

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
BATCH = 100
FLAG_NAMES = {"F": "\\Flagged", "R": "\\Answered", "S": "\\Seen"}


class Skip(Exception):
    """This server cannot take part; the text says why."""


def maildir_files(path):
    """The files of a Maildir in the order of their names: that of arrival."""
    folder = os.path.join(path, "cur")
    return [os.path.join(folder, name) for name in sorted(os.listdir(folder))]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Dovecot:
    name = "dovecot"

    def __init__(self, folder, processes=200):
        self.folder = folder
        self.processes = processes
        os.makedirs(folder, exist_ok=True)
        self.start()

    def start(self):
        result = subprocess.run([HERE + "/dovecot.sh", "start", self.folder, str(self.processes)],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
        if result.returncode != 0:
            raise Skip(result.stderr.strip().splitlines()[-1] if result.stderr.strip() else "no start")
        ports = [int(word) for word in result.stdout.split()]
        self.port = ports[0]
        self.lmtp_port = ports[1] if len(ports) > 1 else None
        with open(self.folder + "/run/master.pid") as file:
            self.pid = int(file.read())
        for _ in range(100):
            try:
                imap.Imap(self.port).close()
                return
            except (OSError, EOFError):
                time.sleep(0.1)
        self.stop()
        raise Skip("it does not answer; see %s/dovecot.log" % self.folder)

    def stop(self):
        subprocess.run([HERE + "/dovecot.sh", "stop", self.folder], check=False)

    def pids(self):
        return measure.process_tree(self.pid)

    def import_maildir(self, user, path):
        """Seconds and CPU seconds of MULTIAPPENDs of 100 messages each, one after the other."""
        client = imap.Imap(self.port, user)
        before, start = measure.cpu_seconds(self.pids()), time.perf_counter()
        files = maildir_files(path)
        for first in range(0, len(files), BATCH):
            client.append_many("INBOX", [self._message(name) for name in files[first:first + BATCH]])
        seconds = time.perf_counter() - start
        spent = measure.cpu_seconds(self.pids()) - before
        client.close()
        return seconds, spent

    @staticmethod
    def _message(path):
        name = os.path.basename(path)
        date = time.strftime("%d-%b-%Y %H:%M:%S +0000", time.gmtime(int(name.split(".")[0])))
        flags = " ".join(FLAG_NAMES[letter] for letter in name.rpartition(",")[2])
        with open(path, "rb") as file:
            return flags, date, file.read()


class Server:
    """mod_ximss in a private httpd."""

    name = "ximss"

    def __init__(self, folder, config=""):
        """CONFIG: lines for httpd's configuration."""
        self.folder = folder
        self.port = free_port()
        os.makedirs(folder + "/conf/extra", exist_ok=True)
        with open(folder + "/conf/extra/bench.conf", "w") as file:
            file.write(config)
        self.start()

    def _quickstart(self, *arguments):
        return [TOP + "/quickstart", arguments[0], "--root", self.folder] + list(arguments[1:])

    def start(self):
        log = self.folder + ".start.log"
        with open(log, "w+") as output:  # a pipe would stay open in the daemon
            result = subprocess.run(self._quickstart("start", "--port", str(self.port)),
                                    stdout=output, stderr=output, check=False)
            output.seek(0)
            if result.returncode != 0:
                raise SystemExit("quickstart start failed:\n" + output.read()[-3000:])
        self.pid = self._find_pid()

    def _find_pid(self):
        """The pid in the pid file of httpd, wherever quickstart put it."""
        for folder, _, names in os.walk(self.folder):
            for name in names:
                if name.endswith(".pid"):
                    with open(os.path.join(folder, name)) as file:
                        return int(file.read())
        raise SystemExit("no pid file below " + self.folder)

    def stop(self):
        subprocess.run(self._quickstart("stop"), stdout=subprocess.DEVNULL, check=False)

    def pids(self):
        return measure.process_tree(self.pid)

    def control(self, *arguments):
        """Runs ximssctl."""
        result = subprocess.run(self._quickstart("ctl", *arguments),
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
        if result.returncode != 0:
            raise SystemExit("ximssctl %s: %s" % (" ".join(arguments), result.stderr))
        return result.stdout

    def import_mail(self, user, path, messages, again=False):
        """Seconds, CPU seconds and peak resident KB of `ximssctl import`; AGAIN: all are there already."""
        account = user + "@example.org"
        arguments = ["import", account, "INBOX", path]
        if again:
            arguments.insert(1, "--skip-duplicates")
        else:
            self.control("account", "create", account, "--password", "bench")
        start = time.perf_counter()
        child = subprocess.Popen(self._quickstart("ctl", *arguments),
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        peak = self._peak_rss(child)
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - start
        child.returncode = status
        output, errors = (pipe.read().decode() for pipe in (child.stdout, child.stderr))
        wanted = "imported %d, skipped %d" % ((0, messages) if again else (messages, 0))
        if status != 0 or wanted not in output:
            raise SystemExit("import of %d messages said: %s%s" % (messages, output, errors))
        return seconds, usage.ru_utime + usage.ru_stime, peak or usage.ru_maxrss

    @staticmethod
    def _peak_rss(child):
        """Largest VmHWM in the child's process tree, read until it ends; 0 when it was too quick."""
        peak = 0
        while os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            for pid in measure.process_tree(child.pid):
                peak = max(peak, _high_water_mark(pid))
            time.sleep(0.1)
        return peak


def _high_water_mark(pid):
    try:
        with open("/proc/%d/status" % pid) as file:
            found = re.search(r"VmHWM:\s+(\d+)", file.read())
    except OSError:
        return 0
    return int(found.group(1)) if found else 0


def message_uids(port, user):
    """File number -> UID in our server, by the Message-IDs that gen.py makes."""
    client = ximss.Ximss(port, user)
    answer = client.send(ximss.open_folder("UID", False, fields=("Message-ID",), folder="ids"))
    total, _ = ximss.hits_and_sizes(answer)
    uids = {}
    for first in range(0, total, 1000):
        answer = client.send(ximss.browse(first, min(first + 999, total - 1), "ids"))
        for uid, number in re.findall(rb'UID="(\d+)"[^>]*><Message-ID>&lt;[0-9a-f]+\.(\d+)@', answer):
            uids[int(number)] = int(uid)
    client.close()
    if len(uids) != total:
        sys.exit("found the Message-IDs of %d of %d messages" % (len(uids), total))
    return uids


def stop_on_signals():
    """Lets a killed run stop its servers."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))
