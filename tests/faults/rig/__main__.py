"""Runs the storm, or the outage of the engine, or the tests of the judge. `run.sh --help` says how."""
import argparse
import asyncio
import os
import random
import signal
import sys
import tempfile
import unittest

from . import away, storm


def arguments():
    parser = argparse.ArgumentParser(prog="run.sh", description="Breaks etcd and rollcall, and judges what clients saw.")
    parser.add_argument("--minutes", type=float, default=3.0, help="of nemesis, or of outage")
    parser.add_argument("--seed", type=int, help="what the nemesis does follows from it; a new one when not given")
    parser.add_argument("--rate", type=float, help="questions a second to each node (storm: 50), or to all (away: 1000)")
    parser.add_argument("--within", type=float, default=2.0, help="seconds in which tables are equal again")
    parser.add_argument("--etcd-version", default="3.5", help="3.5 (PyPI) or 3.4 (Debian)")
    parser.add_argument("--engine-away", action="store_true", help="all of etcd is killed, once, for the whole time")
    parser.add_argument("--self-test", action="store_true", help="tests the judge with histories that were made up")
    parser.add_argument("--judge", metavar="FILE", help="judges a history that was kept, and does nothing else")
    parser.add_argument("--keep", metavar="FOLDER", help="where the history and the logs go; else they go away")
    parser.add_argument("--rollcall", help=argparse.SUPPRESS)
    parser.add_argument("--etcd", help=argparse.SUPPRESS)
    # To see whether the test itself stands: a node alone, which is good; nodes that share nothing, which is bad.
    parser.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--apart", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def self_test():
    suite = unittest.defaultTestLoader.loadTestsFromName("rig.tests")
    return unittest.TextTestRunner(verbosity=1).run(suite).wasSuccessful()


def main():
    # The first process of a namespace ends by no signal that it does not handle.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(1))
    options = arguments()
    if options.self_test:
        return self_test()
    if options.judge:
        return storm.judge_file(options.judge)
    options.seed = random.SystemRandom().randrange(1_000_000) if options.seed is None else options.seed
    print(f"seed {options.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        if options.keep:
            os.makedirs(options.keep, exist_ok=True)
        good = asyncio.run((away if options.engine_away else storm).play(options, folder))
    if not good:
        mode = " --engine-away" if options.engine_away else ""
        print(f"again: tests/faults/run.sh{mode} --seed {options.seed} --minutes {options.minutes:g}")
    return good


sys.exit(0 if main() else 1)
