"""The storm: rounds of faults under load, each with an end at which all must be equal; then the judgment."""
import asyncio
import os
import random

from . import calm, checker, history, summary
from .history import now
from .load import Load
from .machines import Site
from .nemesis import Nemesis

# Of a round, and of the calm after it; the last calm is longer, so that what has lapsed is gone.
ROUND, CALM, LAST_CALM = 30.0, 4.0, 20.0
ORDER = ["questions", "questions to a node that ran", "questions to a node that did not run", "answers of a node that was away"]


class Storm:
    """One run."""

    def __init__(self, options, folder):
        self.options, self.folder = options, folder
        kept = options.keep or folder
        self.history = history.History(os.path.join(kept, "history.jsonl"))
        members, nodes, store = (0, 1, "memory") if options.alone else (3, 3, "memory" if options.apart else "etcd")
        self.site = Site(kept, {"rollcall": options.rollcall, "etcd": options.etcd}, members, nodes, store)
        self.nemesis = Nemesis(self.site, self.history, random.Random(options.seed))
        self.load = Load(self.site, self.history, random.Random(options.seed + 1), options.rate or 50.0)
        self.measured, self.faults = [], []

    async def start(self):
        await calm.begin(self.site, self.nemesis)
        self.history.add("names", members=[each.name for each in self.site.members], nodes=[each.name for each in self.site.nodes])

    async def play(self):
        await self.start()
        await self.load.start()
        await asyncio.sleep(8.0)
        left = self.options.minutes * 60
        while left > 0:
            lasts = min(ROUND, left)
            left -= ROUND
            if self.site.members:
                healed = await self.nemesis.storm(lasts)
            else:
                healed = await asyncio.sleep(lasts, now())
            await self.settle(healed, CALM if left > 0 else LAST_CALM)
        await self.load.stop()
        await self.look_at_processes()

    async def settle(self, healed, seconds):
        """Everything is healed: how long until all is equal, and does it stay so?"""
        await self.load.pause()
        measured = await calm.until_equal(self.site, self.history, healed)
        self.measured.append(measured)
        if measured["why"] or measured["after"] > self.options.within:
            self.complain("not equal in time", measured["why"] or f"equal {measured['after']:.2f} s after etcd served")
        self.nemesis.say(f"equal {measured['after']:.2f} s after all of etcd served" if not measured["why"] else "NOT EQUAL")
        self.load.paused, self.load.calm = False, True
        await asyncio.sleep(seconds)
        await self.load.pause()
        again = await calm.until_equal(self.site, self.history, now())
        if again["why"] or again["after"] > self.options.within:
            self.complain("not equal any more", again["why"] or f"equal {again['after']:.2f} s later")
        for node in self.site.nodes:
            if await calm.table(node, self.history, "last" if seconds == LAST_CALM else "table") is None:
                self.complain("no table", node.name)
        self.load.paused, self.load.calm = False, False

    def complain(self, kind, text):
        self.faults.append(checker.Fault(kind, now(), text))

    async def look_at_processes(self):
        """None may have ended by itself, or panicked."""
        for machine in self.site.machines:
            if machine.died() is not None:
                self.complain("ended by itself", f"{machine.name}, code {machine.died()}")
        for node in self.site.nodes:
            code = await asyncio.to_thread(node.terminate)
            if code not in (0, None):
                self.complain("stopped badly", f"{node.name}, code {code}")
            with open(node.log, encoding="utf-8", errors="replace") as log:
                for line in log:
                    if "panicked" in line:
                        self.complain("panic", f"{node.name}: {line.strip()}")

    def close(self):
        self.nemesis.close()
        self.site.close()
        self.history.close()


def judge(records, members, nodes):
    """The faults, and what was counted."""
    judged = checker.Checker(records, members, nodes)
    return judged.check(), judged.counts


def judge_file(path):
    """The same for a history in a file."""
    records = history.read(path)
    names = next(each for each in records if each["do"] == "names")
    found, counts = judge(records, names["members"], names["nodes"])
    return tell(found, counts, [], 0.0)


def tell(found, counts, measured, within):
    summary.print_counts(counts, ORDER)
    if measured:
        summary.print_equal(measured, within)
    summary.print_faults(found)
    print(f"{len(found)} faults found")
    return not found


async def play(options, folder):
    """Whether all was as it should be."""
    run = Storm(options, folder)
    try:
        await run.play()
    finally:
        run.close()
    members, nodes = ([each.name for each in machines] for machines in (run.site.members, run.site.nodes))
    found, counts = judge(run.history.records, members, nodes)
    return tell(run.faults + found, counts, run.measured, options.within)
