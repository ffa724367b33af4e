"""The command line: which parts, how long, on which processors."""

import argparse
import os
import signal
import sys
import time

from . import dns, million, profile, registry, soak
from .machine import describe
from .process import Failed
from .rows import Row, keep, kept_rows, print_table
from .settings import Settings, processors, say
from .stage import Stage

PARTS = {
    "udp": dns.udp,
    "changes": dns.changes,
    "tcp": dns.tcp,
    "openloop": dns.openloop,
    "dnsperf": dns.dnsperf,
    "twocores": dns.twocores,
    "registration": registry.registration,
    "visible": registry.visible,
    "flood": registry.flood,
    "negative": dns.negative,
    "million": million.million,
    "soak": soak.soak,
}


def arguments():
    parser = argparse.ArgumentParser(prog="benches/peers/run.sh", description="Measures rollcall beside other servers.")
    parser.add_argument(
        "parts",
        nargs="*",
        metavar="PART",
        help=f"{', '.join(PARTS)}; all of them if none is named; `table` prints what was measured last of each",
    )
    parser.add_argument(
        "--go", action="store_true", help="CoreDNS and Consul too, built of their Go modules where they are not yet"
    )
    parser.add_argument("--quick", action="store_true", help="short and small: to see that it runs")
    parser.add_argument("--rounds", type=int, help="times each is measured (5)")
    parser.add_argument("--seconds", type=float, help="of one measurement (2)")
    parser.add_argument("--many-services", type=int, help="of ten hosts, in negative and million (100000)")
    parser.add_argument("--minutes", type=float, help="of soak (10)")
    parser.add_argument("--server-cpus", type=processors, help="processors of the server (0)")
    parser.add_argument("--generator-cpus", type=processors, help="processors of the generator (1)")
    return parser.parse_args()


def settings_of(given):
    settings = Settings(go=given.go)
    if given.quick:
        settings.hurry()
    chosen = {
        "rounds": given.rounds,
        "seconds": given.seconds,
        "many_services": given.many_services,
        "soak_minutes": given.minutes,
        "server": given.server_cpus,
        "generator": given.generator_cpus,
    }
    for key, value in chosen.items():
        if value is not None:
            setattr(settings, key, value)
    lacking = settings.both - os.sched_getaffinity(0)
    if lacking:
        sys.exit(f"there is no processor {min(lacking)} here: see --server-cpus and --generator-cpus")
    return settings


def run(parts, settings):
    """Measures the parts; says whether all of them could be."""
    stage, machine, complete, everything = Stage(settings), describe(), True, []
    # Out of the way of the servers.
    os.sched_setaffinity(0, settings.generator)
    try:
        for part in parts:
            start = time.monotonic()
            say(f"{part}: {PARTS[part].__doc__.splitlines()[0]}")
            try:
                rows = PARTS[part](stage)
                if not settings.quick:
                    keep(part, rows, machine)
            except Failed as failure:
                complete = False
                rows = [Row(part, part, missing=str(failure).replace("\n", " "))]
            say(f"  took {time.monotonic() - start:.0f} s")
            everything += rows
            if len(parts) > 1:
                print_table(rows)
    finally:
        stage.close()
    print(
        f"\n{machine}, {time.strftime('%d %B %Y').lstrip('0')}; {settings.rounds} rounds of {settings.seconds:g} s, medians"
        + (" (quick: not to be quoted)" if settings.quick else "")
        + "\n"
    )
    print_table(everything)
    return complete


def main():
    # So that `finally` ends the servers.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))
    if sys.argv[1:2] == ["profile"]:
        return profile.main()
    given = arguments()
    if given.parts == ["table"]:
        rows, machines = kept_rows(PARTS)
        print("; ".join(machines) + "\n")
        print_table(rows)
        return
    unknown = [part for part in given.parts if part not in PARTS]
    if unknown:
        sys.exit(f"there is no part {unknown[0]}: {', '.join(PARTS)}")
    parts = [part for part in PARTS if not given.parts or part in given.parts]
    sys.exit(0 if run(parts, settings_of(given)) else 1)


main()
