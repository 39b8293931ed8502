"""What the benchmarks measure with: CPU of a process tree, samples, the machine."""

import math
import os
import platform
import statistics
import time

TICKS = os.sysconf("SC_CLK_TCK")


def _stat(pid):
    """The fields of /proc/PID/stat behind the name, or None."""
    try:
        with open("/proc/%d/stat" % pid) as file:
            return file.read().rpartition(")")[2].split()
    except OSError:
        return None


def process_tree(root):
    """ROOT and all processes below it."""
    children = {}
    for name in os.listdir("/proc"):
        fields = _stat(int(name)) if name.isdigit() else None
        if fields:
            children.setdefault(int(fields[1]), []).append(int(name))
    tree = [root]
    for pid in tree:
        tree += children.get(pid, [])
    return tree


def _threads_cpu(pid):
    """CPU seconds of the living threads by the scheduler's own count (nanoseconds), None if unknown."""
    total = 0
    try:
        for thread in os.listdir("/proc/%d/task" % pid):
            with open("/proc/%d/task/%s/schedstat" % (pid, thread)) as file:
                total += int(file.read().split()[0])
    except (OSError, ValueError, IndexError):
        return None
    return total / 1e9


def cpu_seconds(pids):
    """User and system CPU of PIDS so far, with their children that ended."""
    total = 0.0
    for pid in pids:
        fields = _stat(pid)
        if fields is None:
            continue
        own = _threads_cpu(pid)
        if own is None:
            own = (int(fields[11]) + int(fields[12])) / TICKS
        total += own + (int(fields[13]) + int(fields[14])) / TICKS
    return total


def pss_kb(pids):
    """Proportional memory of PIDS in KB: what they share is counted once."""
    total = 0
    for pid in pids:
        try:
            with open("/proc/%d/smaps_rollup" % pid) as lines:
                total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
        except OSError:
            continue  # it has ended
    return total


class Samples:
    """Times and server CPU of repeated operations, in rounds."""

    def __init__(self):
        self.times = []
        self.cpu_means = []

    def round(self, server, operation, count, prepare=None, finish=None):
        """COUNT times: PREPARE and FINISH are not measured. Returns the last result."""
        spent, result = 0.0, None
        pids = server.pids()
        outer = cpu_seconds(pids)
        for _ in range(count):
            argument = prepare() if prepare else None
            if prepare:
                pids = server.pids()
            before = cpu_seconds(pids) if prepare else 0
            start = time.perf_counter()
            result = operation(argument) if prepare else operation()
            self.times.append(time.perf_counter() - start)
            if prepare:
                spent += cpu_seconds(pids) - before
            if finish:
                finish(argument)
        if not prepare:
            spent = cpu_seconds(pids) - outer
        self.cpu_means.append(spent / count)
        return result

    def summary(self):
        times = sorted(self.times)
        return {"count": len(times), "p50_ms": times[len(times) // 2] * 1e3,
                "p99_ms": times[math.ceil(len(times) * 0.99) - 1] * 1e3,
                "cpu_ms": statistics.median(self.cpu_means) * 1e3}


def _cpu_model():
    try:
        with open("/proc/cpuinfo") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.machine()


def machine(folder):
    """One line about the machine and how fast it is at this moment."""
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return "%d cores (%s), %d GB, load %.1f, fdatasync %.2f ms, fixed work %.0f ms" % (
        os.cpu_count(), _cpu_model(), round(pages / 2**30), os.getloadavg()[0],
        _sync_ms(folder), fixed_work_ms())


def _sync_ms(folder):
    path = os.path.join(folder, "sync-test")
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY, 0o600)
    times = []
    for _ in range(20):
        os.write(descriptor, bytes(4096))
        start = time.perf_counter()
        os.fdatasync(descriptor)
        times.append(time.perf_counter() - start)
    os.close(descriptor)
    os.unlink(path)
    return statistics.median(times) * 1e3


def fixed_work_ms():
    """Time of the same small work: compare it between runs, divide by it if it differs."""
    best = math.inf
    for _ in range(3):
        start = time.perf_counter()
        total = 0
        for i in range(500000):
            total += i * i
        best = min(best, time.perf_counter() - start)
    return best * 1e3
