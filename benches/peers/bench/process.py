"""A server: its processes, their CPU and memory, its ports."""

import os
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time

from .settings import WORK

# The low bits of the number of the clock that counts what another process runs (clock_getcpuclockid(3)).
CPUCLOCK_SCHED = 2
TERMINATION_SECONDS = 20


class Failed(Exception):
    """A server or a load did not do what it should."""


class Server:
    """Started in a process group and a folder of its own; `close` ends one and removes the other."""

    # Those that are not closed, so that none is forgotten whatever fails.
    living = []

    def __init__(self, name, processors):
        self.name, self.processors = name, processors
        self.living.append(self)
        WORK.mkdir(parents=True, exist_ok=True)
        self.folder = tempfile.mkdtemp(prefix=f"run-{name}-", dir=WORK)
        self.process = None
        self.dns = self.http = None
        self.started = 0.0

    def spawn(self, command, environment=None):
        self.started = time.monotonic()
        with open(self.log_path, "w") as log:
            self.process = subprocess.Popen(
                [str(word) for word in command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env=environment,
                start_new_session=True,
                preexec_fn=lambda: os.sched_setaffinity(0, self.processors),
            )

    @property
    def log_path(self):
        return os.path.join(self.folder, "log")

    def log(self):
        with open(self.log_path, errors="replace") as log:
            return log.read()

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w") as file:
            file.write(text)
        return path

    def until(self, what, ready, seconds, pause=0.02):
        """Waits for `ready`; returns what it gave."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise Failed(f"{self.name} ended with {self.process.returncode}: {self.log()[-800:]}")
            found = ready()
            if found:
                return found
            time.sleep(pause)
        raise Failed(f"{self.name}: {what} not within {seconds} s: {self.log()[-800:]}")

    def until_answered(self, question, seconds=60, pause=0.02):
        """Waits until DNS answers with records; returns the seconds since the start."""
        self.until("an answer over DNS", lambda: ask(self.dns, question), seconds, pause)
        return time.monotonic() - self.started

    def pause(self):
        self._signal(signal.SIGSTOP)

    def go_on(self):
        self._signal(signal.SIGCONT)

    def stop(self):
        """Ends the processes, and leaves the folder."""
        if self.process is None:
            return
        self.go_on()
        self._signal(signal.SIGTERM)
        try:
            self.process.wait(TERMINATION_SECONDS)
        except subprocess.TimeoutExpired:
            pass
        # Whoever of the group is left.
        self._signal(signal.SIGKILL)
        self.process.wait()
        self.process = None

    def close(self):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
        if self in self.living:
            self.living.remove(self)

    def _signal(self, number):
        if self.process is None:
            return
        try:
            os.killpg(self.process.pid, number)
        except ProcessLookupError:
            pass

    def cpu(self):
        """Seconds of processor time of the whole group so far, to the nanosecond: in `/proc/PID/stat` are hundredths of a
        second, a twentieth of some measurements."""
        total = 0.0
        for process in self._group():
            try:
                total += time.clock_gettime(~int(process) << 3 | CPUCLOCK_SCHED)
            except OSError:
                continue
        return total

    def cpu_of_threads(self, name):
        """The same of the threads whose name begins so."""
        total = 0
        for process in self._group():
            for thread in os.listdir(f"/proc/{process}/task"):
                try:
                    with open(f"/proc/{process}/task/{thread}/comm") as comm:
                        is_one = comm.read().startswith(name)
                    with open(f"/proc/{process}/task/{thread}/schedstat") as schedstat:
                        total += int(schedstat.read().split()[0]) if is_one else 0
                except OSError:
                    continue
        return total / 1e9

    def memory(self):
        """Octets of resident memory, shared pages divided among those that share them."""
        total = 0
        for process in self._group():
            with open(f"/proc/{process}/smaps_rollup") as rollup:
                total += sum(int(line.split()[1]) * 1024 for line in rollup if line.startswith("Pss:"))
        return total

    def _group(self):
        """Processes of the group."""
        found = []
        for entry in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{entry}/stat") as stat:
                    fields = stat.read().rsplit(")", 1)[1].split()
            except OSError:
                continue
            if int(fields[2]) == self.process.pid:
                found.append(entry)
        return found


def free_port():
    """A port that is free for UDP and TCP, and the next one too."""
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        try:
            for number in (port, port + 1):
                for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                    with socket.socket(socket.AF_INET, kind) as probe:
                        probe.bind(("127.0.0.1", number))
            return port
        except (OSError, OverflowError):
            continue


def ask(port, question, timeout=0.2):
    """Octets of the reply to `NAME TYPE`, if it is NOERROR and has records; else 0."""
    name, kind = question.split()
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    kind = {"A": 1, "SRV": 33}[kind]
    # EDNS, 1232 octets.
    query = (
        struct.pack(">HHHHHH", 7, 0, 1, 0, 0, 1)
        + labels
        + struct.pack(">BHH", 0, kind, 1)
        + b"\0\0\x29\x04\xd0"
        + bytes(6)
    )
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(timeout)
        try:
            client.connect(("127.0.0.1", port))
            client.send(query)
            reply = client.recv(65535)
        except OSError:
            return 0
    answered = reply[3] & 15 == 0 and reply[6:8] != b"\0\0"
    return len(reply) if answered else 0
