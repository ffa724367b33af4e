"""Breaks things, for a while each: processes killed or stopped, wires cut, etcd compacted."""
import asyncio
import itertools

from . import engine, wire
from .history import now
from .machines import HTTP_PORT

# At most so many at a time; the last begins so many seconds before the end.
TOGETHER = 2
LAST = 5.0


class Nemesis:
    """Everything it does is in the history: harm from before it is done, healing from after."""

    def __init__(self, site, history, rng):
        self.site, self.history, self.rng = site, history, rng
        self.hurt, self.tasks, self.watchers = set(), set(), {}
        self.said = []

    # ---- single acts ----

    def harm(self, machine, what, other=None):
        self.note(machine, what, other)
        self.act(machine, what, other)

    def heal(self, machine, what, other=None):
        self.act(machine, what, other)
        self.note(machine, what, other)
        if what == "start" and machine in self.site.nodes:
            self.watch(machine)

    def note(self, machine, what, other):
        self.history.add("state", machine=machine.name, what=what, other=other.name if other else None, at=now())

    @staticmethod
    def act(machine, what, other):
        arguments = () if other is None else (other,)
        getattr(machine, what)(*arguments)

    def watch(self, node):
        """Notes when a node is ready after its start."""
        before = self.watchers.get(node.name)
        if before is not None:
            before.cancel()
        self.watchers[node.name] = asyncio.create_task(self.until_ready(node))

    async def until_ready(self, node):
        while (await wire.call(node, HTTP_PORT, "GET", "/readyz")).status != 200:
            await asyncio.sleep(0.05)
        self.history.add("ready", node=node.name, at=now())

    async def all_ready(self, seconds):
        """Whether all nodes that were started are ready before so many seconds are over."""
        done, waiting = await asyncio.wait(self.watchers.values(), timeout=seconds)
        return not waiting and all(not each.cancelled() and each.exception() is None for each in done)

    # ---- faults ----

    def draw(self):
        """A fault: its name, the machines it is about, harm and healing as lists of acts, and how long it lasts."""
        members, nodes, rng = self.site.members, self.site.nodes, self.rng
        machine, member, node = rng.choice(members + nodes), rng.choice(members), rng.choice(nodes)
        two = rng.sample(members, min(2, len(members)))
        kinds = {
            "kill": (6, lambda: self.each("kill", "start", [machine])),
            "stop": (6, lambda: self.each("stop", "resume", [machine])),
            "unplug": (6, lambda: self.each("unplug", "plug", [machine])),
            "deafen": (4, lambda: self.between(list(itertools.product([node], members)), rng.randrange(3))),
            "part": (2, lambda: self.between(list(itertools.combinations(two, 2)), 2)),
            "kill two members": (2, lambda: self.each("kill", "start", two)),
            "stop two members": (1, lambda: self.each("stop", "resume", two)),
            "unplug two members": (1, lambda: self.each("unplug", "plug", two)),
            "kill all members": (2, lambda: self.each("kill", "start", members)),
            "stop all members": (1, lambda: self.each("stop", "resume", members)),
            "kill a node and a member": (2, lambda: self.each("kill", "start", [node, member])),
            "stop a node, compact": (2, lambda: self.each("stop", "resume", [node])),
        }
        name = rng.choices(list(kinds), [weight for weight, _ in kinds.values()])[0]
        return name, *kinds[name][1]()

    @staticmethod
    def each(harm, healing, machines):
        return machines, [(one, harm, None) for one in machines], [(one, healing, None) for one in machines]

    @staticmethod
    def between(pairs, ways):
        """The first loses what it sends (0), the other does (1), or both do (2)."""
        directions = []
        for one, other in pairs:
            directions += [(one, other)] * (ways in (0, 2)) + [(other, one)] * (ways in (1, 2))
        machines = list({machine.name: machine for pair in pairs for machine in pair}.values())
        return machines, [(one, "lose", other) for one, other in directions], [(one, "find", other) for one, other in directions]

    async def fault(self, name, machines, harm, healing, seconds):
        self.say(f"{name}: {' '.join(machine.name for machine in machines)}, {seconds:.1f} s")
        try:
            for act in harm:
                self.harm(*act)
            if name.endswith("compact"):
                await self.compact()
            await asyncio.sleep(seconds)
        finally:
            for act in healing:
                self.heal(*act)
            self.hurt -= {machine.name for machine in machines}

    async def compact(self):
        """All that a watch may want to begin with again is gone, also what comes a little later."""
        for _ in range(2):
            await asyncio.sleep(0.7)
            for member in self.site.members:
                last = await engine.revision(member)
                if last is not None and await engine.compact(member, last):
                    break

    async def storm(self, seconds):
        """Fault upon fault, the last until the end; then all is healed. The time of the last healing."""
        end = now() + seconds
        while now() < end - LAST:
            self.begin(end)
            await asyncio.sleep(min(self.rng.uniform(1.0, 5.0), max(end - LAST - now(), 0.0)))
        while not self.begin(end, end - now()):
            await asyncio.sleep(0.1)
        await asyncio.wait(self.tasks)
        return now()

    def begin(self, end, lasts=None):
        """Begins a fault, if there is one about machines to which nothing else is done."""
        name, machines, harm, healing = self.draw()
        names = {machine.name for machine in machines}
        if len(self.tasks) >= TOGETHER or names & self.hurt:
            return False
        self.hurt |= names
        lasts = lasts or min(self.rng.choice([0.5, 2.0, 4.0, 8.0, 13.0]) * self.rng.uniform(0.7, 1.3), end - now())
        task = asyncio.create_task(self.fault(name, machines, harm, healing, max(lasts, 0.3)))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return True

    def say(self, text):
        self.said.append(text)
        print(f"  {now():10.3f}  {text}", flush=True)

    def close(self):
        for task in [*self.tasks, *self.watchers.values()]:
            task.cancel()
