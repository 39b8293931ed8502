"""Runs of the load generator (load.c)."""

import json
import os
import subprocess

import measure

HERE = os.path.dirname(os.path.abspath(__file__))


class Load:
    """The program, built in WORK; each run takes SECONDS."""

    def __init__(self, work, seconds):
        self.program = os.path.join(work, "load")
        self.files = [os.path.join(work, name) for name in ("load-start", "load-requests")]
        self.seconds = seconds
        subprocess.run([os.environ.get("CC", "cc"), "-std=gnu11", "-O2", "-o", self.program,
                        os.path.join(HERE, "load.c")], check=True)

    def run(self, server, protocol, clients, start, requests, port=None):
        """One run: rate, latencies, and the server's CPU. START: lines; REQUESTS: texts (see load.c)."""
        with open(self.files[0], "w") as file:
            file.write("\n".join(start) + "\n")
        with open(self.files[1], "wb") as file:
            for request in requests:
                file.write((request.encode() if isinstance(request, str) else request) + b"\0")
        before = measure.cpu_seconds(server.pids())
        output = subprocess.run([self.program, protocol, str(port or server.port), str(clients),
                                 str(self.seconds)] + self.files, stdout=subprocess.PIPE, check=True).stdout
        found = json.loads(output)
        return {"per_second": found["per_second"], "p50_ms": found["p50_us"] / 1e3,
                "p99_ms": found["p99_us"] / 1e3,
                "cpu_ms": (measure.cpu_seconds(server.pids()) - before) / found["answers"] * 1e3}


def median_run(results):
    """The run with the median rate."""
    return sorted(results, key=lambda found: found["per_second"])[len(results) // 2]
