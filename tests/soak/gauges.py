"""What a server holds: memory and descriptors of its children, sessions, files."""

import os
import urllib.request


def children(pid):
    with open("/proc/%d/task/%d/children" % (pid, pid)) as file:
        return [int(child) for child in file.read().split()]


def pss(pid):
    """Kilobytes, None where that may not be read."""
    try:
        with open("/proc/%d/smaps_rollup" % pid) as file:
            return sum(int(line.split()[1]) for line in file if line.startswith("Pss:"))
    except OSError:
        return None


def descriptors(pid):
    try:
        return len(os.listdir("/proc/%d/fd" % pid))
    except OSError:
        return None


def sessions(port):
    with urllib.request.urlopen("http://127.0.0.1:%d/server-status?auto" % port, timeout=30) as answer:
        for line in answer.read().decode().splitlines():
            if line.startswith("XimssSessions: "):
                return int(line.split()[1])
    raise ValueError("no XimssSessions in the server's status")


def files(folder):
    return sum(len(names) + len(folders) for _, folders, names in os.walk(folder))


class Reading:
    def __init__(self, server):
        self.children = children(server.pid)
        self.pss = {pid: pss(pid) for pid in self.children}
        self.descriptors = {pid: descriptors(pid) for pid in self.children}
        self.parent = descriptors(server.pid)
        self.sessions = sessions(server.port)
        self.runtime = files(server.runtime)
        self.uploads = files(os.path.join(server.data, "uploads"))

    def __str__(self):
        return ("%d children, PSS %s KB, descriptors %s and %s of the parent, %d sessions, %d runtime files, "
                "%d upload files" % (len(self.children), "/".join(map(str, self.pss.values())),
                                     "/".join(map(str, self.descriptors.values())), self.parent,
                                     self.sessions, self.runtime, self.uploads))
