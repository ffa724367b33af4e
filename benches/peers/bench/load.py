"""Runs the generator, and counts what the server paid for it."""

import json
import os
import signal
import subprocess

from .process import Failed
from .settings import PROGRAMS, say

GENERATOR = PROGRAMS / "generator"
# Of the generator that measures while another floods: its own waiting is not the server's.
REAL_TIME_PRIORITY = 10


class Load:
    """A generator that runs."""

    def __init__(self, mode, port, file, processors, priority=False, **options):
        command = [GENERATOR, mode, f"127.0.0.1:{port}", file]
        self._start(command, processors, priority, options)

    @classmethod
    def visible(cls, server, processors, count):
        load = cls.__new__(cls)
        load._start(
            [GENERATOR, "visible", f"127.0.0.1:{server.dns}", f"127.0.0.1:{server.http}"],
            processors,
            False,
            {"count": count},
        )
        return load

    def _start(self, command, processors, priority, options):
        for key, value in options.items():
            option = "--" + key.replace("_", "-")
            if value is True:
                command.append(option)
            elif value is not False and value is not None:
                command += [option, value]

        def prepare():
            os.sched_setaffinity(0, processors)
            if priority:
                _take_priority()

        self.process = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=prepare,
        )

    def result(self):
        """Its report, once it has ended."""
        try:
            out, errors = self.process.communicate()
        except BaseException:
            self.stop()
            raise
        if self.process.returncode != 0:
            raise Failed(f"the generator failed: {errors.strip()[-400:]}")
        report = json.loads(out)
        for part in (report, report.get("beside")):
            if part and part["bad"]:
                raise Failed(
                    f"{part['bad']} of {part['received']} answers are not as expected, such as {readable(part['example'])}"
                )
        return report

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()


def _take_priority():
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(REAL_TIME_PRIORITY))
    except OSError:
        pass


def readable(example):
    """Octets as text, if they are HTTP; else as they came."""
    octets = bytes.fromhex(example or "")
    return octets.decode(errors="replace") if octets.startswith(b"HTTP") else example


def may_have_priority():
    """Whether real-time priority is to be had, tried in a child."""
    child = os.fork()
    if child == 0:
        try:
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(REAL_TIME_PRIORITY))
            os._exit(0)
        except OSError:
            os._exit(1)
    return os.waitpid(child, 0)[1] == 0


def measure(server, load):
    """The report of a load, with the CPU of the server for each answer in microseconds."""
    before, dns_before = server.cpu(), server.cpu_of_threads("dns")
    report = load().result()
    answers = max(1, report["received"])
    report["cpu"] = (server.cpu() - before) * 1e6 / answers
    # Of rollcall: the threads that answer datagrams, without those of the control API.
    report["dns_cpu"] = (server.cpu_of_threads("dns") - dns_before) * 1e6 / answers
    if report["lost"]:
        say(f"  {server.name}: {report['lost']} of {report['sent']} lost")
    return report
