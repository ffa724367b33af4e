"""Where the time goes: perf on the running server, its samples by what the code does.

A sample counts for the innermost frame that a group knows. Frames are the functions of the sources, those that the
compiler put into others included, as `path:function`; `kernel:symbol` and `libc:symbol` where there is no source.
"""

import argparse
import itertools
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import time
from collections import Counter

from . import data as forms
from .load import Load, measure
from .machine import describe, touch_memory
from .process import Failed
from .registry import fresh_rows
from .settings import ROLLCALL, Settings, processors, say
from .stage import WINDOW, Stage

# Odd, so that samples do not keep step with anything.
SAMPLES_A_SECOND = 1_999
STACK_OCTETS = 8_192
BUFFER_PAGES = 2_048
# Seconds until perf samples, on a machine that is busy.
ATTACHING = 3

# What a group is made of, in the order in which a frame is looked for.
KERNEL = [
    ("kernel: receiving", r"kernel:.*(sys_recvmmsg|sys_recvfrom|sys_recvmsg|ksys_read)"),
    ("kernel: sending, delivery to the client included", r"kernel:.*(sys_sendmmsg|sys_sendto|sys_sendmsg|sys_writev|do_writev)"),
    ("kernel: waiting for work", r"kernel:.*(sys_epoll_|sys_ppoll|sys_poll|sys_futex|sys_clock_nanosleep)"),
    ("kernel: pages that are touched first", r"kernel:.*(page_fault|sys_madvise|sys_mmap|sys_munmap)"),
    ("kernel: interrupts, changes of thread, the rest", r"kernel:(asm_|entry_|ret_from|do_syscall)"),
]
QUERY = KERNEL + [
    ("receiving and sending, our side", r"dns/(batch|datagram|udp)\.rs|/nix-|libc:(recvmmsg|sendmmsg|__libc_send)"),
    ("parsing the query", r"dns/fast\.rs:(read|read_opt)\b|dns/query\.rs"),
    ("options, cookies, who may ask", r"dns/(edns|cookie|engine)\.rs"),
    ("order of the records", r"zone/order\.rs"),
    ("counters", r"dns/stats\.rs"),
    ("writing the reply", r"dns/(fast|reply)\.rs"),
    ("hosts of the answer, leases", r"zone/(rows|members|answer/prompt|answer/hosts)\.rs|table/lease\.rs"),
    ("look-up of the name", r"/imbl-|zone/(ahead|name|tree|trie|node|schema/|mod)"),
    ("clock and snapshot", r"src/(clock|registry/)|/arc-swap-|vdso:"),
]
REGISTRATION = KERNEL + [
    ("publishing: zones", r"zone/mod\.rs:with\b|zone/tree\.rs:apply\b"),
    ("publishing: swap, journal, what is dropped", r"registry/turn\.rs:publish_up_to|registry/mod\.rs:publish_locked"),
    ("the row into the table", r"table/mod\.rs:apply\b|registry/mod\.rs:(stage|apply_all)\b"),
    ("those who follow the changes", r"registry/follow\.rs|src/probe/"),
    ("JSON in, and its checks", r"native/(json|body)\.rs"),
    ("JSON out", r"native/view\.rs|native/write\.rs:host_json"),
    ("counters", r"src/metrics\.rs"),
    ("our gate: bounds, the body", r"http/gate\.rs"),
    ("our handler", r"src/http/native/"),
    ("connection: bounds, stops, refusals", r"src/http/(listen|worded|progress)|/tokio-util-"),
    ("axum: routes, extractors, answers", r"/(axum|axum-core|matchit|tower|tower-[a-z]+|utoipa-axum)-[0-9]"),
    ("hyper: HTTP/1.1", r"/(hyper|hyper-util|httparse|http|http-body|http-body-util)-[0-9]"),
    ("tokio: tasks, readiness, timers", r"/(tokio|mio)-[0-9]"),
]


def query(stage):
    """One query over UDP, half A and half SRV, as much as is answered."""
    server, data = stage.rollcall(stage.few), stage.few
    options = {"answers": data.hosts, "window": WINDOW, "seconds": stage.settings.seconds}
    return server, lambda: Load("udp", server.dns, data.path("q-mix"), stage.settings.generator, **options), QUERY


def registration(stage):
    """One registration of a new host over HTTP, 64 connections, memory store."""
    server, settings, series = stage.empty_rollcall(), stage.settings, itertools.count()

    def load():
        path = os.path.join(server.folder, "registrations")
        with open(path, "w", buffering=1 << 20) as file:
            file.writelines(forms.single(*row) for row in fresh_rows(next(series), settings))
        touch_memory()
        return Load("http", server.http, path, settings.generator, once=True, connections=64, window=64)

    return server, load, REGISTRATION


def profile(stage, what):
    """Prints the table of one kind of load."""
    server, load, groups = PROFILES[what](stage)
    stage.hold(server)
    load().result()
    cpu = statistics.median(measure(server, load)["cpu"] for _ in range(stage.settings.rounds))
    shares = sampled(stage, server, load, groups)
    total = sum(shares.values())
    print(f"\n{PROFILES[what].__doc__} {cpu:.2f} us of CPU each (without perf), {total:,} samples.\n")
    print("| what | share | us |\n| --- | --- | --- |")
    for group, count in shares.most_common():
        print(f"| {group} | {100 * count / total:.1f} % | {cpu * count / total:.2f} |")


def sampled(stage, server, load, groups):
    """How many samples each group has."""
    file = os.path.join(server.folder, "perf.data")
    command = ["perf", "record", "-q", "-e", "cpu-clock", "-F", SAMPLES_A_SECOND, "-p", server.process.pid]
    command += ["--call-graph", f"dwarf,{STACK_OCTETS}", "-m", BUFFER_PAGES, "-o", file]
    perf = subprocess.Popen(
        [str(word) for word in command],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        # It must come to write while the generator spins.
        preexec_fn=lambda: os.sched_setaffinity(0, stage.settings.both),
    )
    time.sleep(ATTACHING)
    try:
        for _ in range(stage.settings.rounds):
            load().result()
    finally:
        perf.send_signal(signal.SIGINT)
        _, errors = perf.communicate()
    stacks = list(read_stacks(file)) if os.path.exists(file) else []
    if not stacks:
        raise Failed(f"perf has no samples: {errors.strip()}")
    sources = Sources(ROLLCALL, {at for stack in stacks for at, _, object in stack if is_program(object)})
    compiled = [(name, re.compile(pattern)) for name, pattern in groups]
    shares = Counter()
    for stack in stacks:
        frames = itertools.chain.from_iterable(sources.frames(*frame) for frame in stack)
        shares[next((name for frame in frames for name, pattern in compiled if pattern.search(frame)), "the rest")] += 1
    return shares


def read_stacks(file):
    """The frames of each sample, the innermost first: place, symbol, object."""
    command = ["perf", "script", "-i", file, "--no-inline", "-F", "ip,sym,dso"]
    lines = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True).stdout
    for sample in re.split(r"\n\s*\n", lines):
        stack = [re.match(r"\s*([0-9a-f]+) (.*) \((.*)\)$", line) for line in sample.splitlines()]
        stack = [frame.groups() for frame in stack if frame]
        if stack:
            yield stack


def is_program(object):
    return object == os.path.realpath(ROLLCALL) or object == ROLLCALL


class Sources:
    """The functions of the sources at places in the program."""

    def __init__(self, program, places):
        shift = shift_of(program)
        self.known, places = {}, sorted(places)
        asked = "\n".join(f"{int(place, 16) + shift:x}" for place in places)
        command = ["addr2line", "-e", program, "-a", "-i", "-f", "-C"]
        answer = subprocess.run(command, input=asked, stdout=subprocess.PIPE, text=True, check=True).stdout
        for place, found in zip(places, re.split(r"^0x[0-9a-f]+\n", answer, flags=re.MULTILINE)[1:], strict=True):
            lines = found.splitlines()
            self.known[place] = [
                f"{path.rsplit(':', 1)[0]}:{bare(function)}" for function, path in zip(lines[::2], lines[1::2])
            ]

    def frames(self, place, symbol, object):
        if is_program(object):
            return self.known[place]
        if "kernel" in object:
            return [f"kernel:{symbol}"]
        return [f"{'vdso' if 'vdso' in object else 'libc'}:{symbol}"]


def bare(function):
    """A function without what it is generic over, and without its type."""
    while "<" in function and (less := re.sub(r"<[^<>]*>", "", function)) != function:
        function = less
    return function.split("::{")[0].rsplit("::", 1)[-1]


def shift_of(program):
    """perf says places in the file; what is executed stands elsewhere in memory."""
    headers = subprocess.run(["readelf", "-lW", program], stdout=subprocess.PIPE, text=True, check=True).stdout
    offset, address = re.search(r"LOAD\s+(0x\S+) (0x\S+) .* R E ", headers).groups()
    return int(address, 16) - int(offset, 16)


PROFILES = {"query": query, "registration": registration}


def main():
    parser = argparse.ArgumentParser(prog="benches/peers/run.sh profile", description="Says where rollcall's time goes.")
    parser.add_argument("what", nargs="*", metavar="LOAD", help=f"{', '.join(PROFILES)}; all if none is named")
    parser.add_argument("--rounds", type=int, default=5, help="loads that are measured, and again with perf (5)")
    parser.add_argument("--seconds", type=float, default=2.0, help="of one load over UDP (2)")
    parser.add_argument("--server-cpus", type=processors, default={0}, help="processors of the server (0)")
    parser.add_argument("--generator-cpus", type=processors, default={1}, help="processors of the generator (1)")
    given = parser.parse_args(sys.argv[2:])
    for tool in ("perf", "addr2line", "readelf"):
        if not shutil.which(tool):
            sys.exit(f"needs {tool} (Debian: linux-perf, binutils)")
    unknown = [what for what in given.what if what not in PROFILES]
    if unknown:
        sys.exit(f"there is no load {unknown[0]}: {', '.join(PROFILES)}")
    settings = Settings(given.rounds, given.seconds, given.server_cpus, given.generator_cpus)
    stage = Stage(settings)
    os.sched_setaffinity(0, settings.generator)
    print(f"{describe()}, {time.strftime('%d %B %Y').lstrip('0')}; {settings.rounds} loads each")
    try:
        for what in given.what or PROFILES:
            say(f"profile of a {what}")
            profile(stage, what)
    finally:
        stage.close()
