"""dnsperf instead of our generator. It tops out at about 295,000 queries a second, so that only CPU is compared."""

import os
import re
import shutil
import subprocess

from .process import Failed
from .stage import WINDOW


def is_there():
    return shutil.which("dnsperf") is not None


def measure(server, data, settings):
    """Queries a second, and the CPU of the server for each in microseconds."""
    # dnsperf waits for whole seconds only.
    seconds = max(1, round(settings.seconds))
    before = server.cpu()
    ran = subprocess.run(
        [
            "dnsperf",
            "-e",
            "-s",
            "127.0.0.1",
            "-p",
            str(server.dns),
            "-d",
            str(data.path("q-mix")),
            "-c",
            "8",
            "-T",
            "1",
            "-q",
            str(WINDOW),
            "-l",
            str(seconds),
        ],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        preexec_fn=lambda: os.sched_setaffinity(0, settings.generator),
    )
    used = server.cpu() - before
    completed = re.search(r"Queries completed:\s+(\d+)", ran.stdout)
    answered = re.search(r"Response codes:\s+NOERROR \d+ \(100.00%\)", ran.stdout)
    if not completed or not answered:
        raise Failed(f"dnsperf: {(ran.stdout + ran.stderr)[-400:]}")
    rate = re.search(r"Queries per second:\s+([\d.]+)", ran.stdout)
    return {"rate": float(rate[1]), "cpu": used * 1e6 / int(completed[1])}
