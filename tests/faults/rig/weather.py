"""What the machines could do at each time, of what was done to them.

A node is *in touch* when it surely reaches an engine that surely works, and has had time to find out; it is *away* when it
surely reaches none. Between these nothing is said of it.
"""
import bisect
import itertools

# How long a node may take to find a way to the engine: after all of it is well again, and while a part is not.
SETTLE, SETTLE_IN_TROUBLE = 5.0, 10.0
# How long members may take to agree on a leader.
ELECTION = 3.0
# What was on its way still arrives.
LINGER = 1.0
FOREVER = float("inf")


class Spans:
    """Times during which something holds, in order: pairs of begin and end."""

    def __init__(self, spans=()):
        self.spans = [span for span in spans if span[0] < span[1]]
        self.begins = [begin for begin, _ in self.spans]

    def last(self, at):
        """The latest time until `at` at which it held; nothing if it never did."""
        index = bisect.bisect_right(self.begins, at) - 1
        return None if index < 0 else min(at, self.spans[index][1])

    def next(self, at):
        """The earliest time from `at` on at which it holds."""
        index = bisect.bisect_right(self.begins, at) - 1
        if index >= 0 and at < self.spans[index][1]:
            return at
        return self.spans[index + 1][0] if index + 1 < len(self.spans) else FOREVER

    def around(self, begin, end):
        """The span that holds all of this time."""
        index = bisect.bisect_right(self.begins, begin) - 1
        return self.spans[index] if index >= 0 and end <= self.spans[index][1] else None

    def time(self, begin, end):
        """For how long of this time it holds."""
        return sum(max(0.0, min(span[1], end) - max(span[0], begin)) for span in self.spans)


class Sky:
    """The machines as they are after some of what was done to them. Without members, each node is an engine itself."""

    def __init__(self, members, nodes):
        self.members, self.nodes = members, nodes
        self.down, self.asleep, self.unplugged, self.lost = set(members + nodes), set(), set(), set()

    def apply(self, record):
        machine, what, pair = record["machine"], record["what"], (record["machine"], record.get("other"))
        before = self.shape()
        match what:
            case "start":
                self.down.discard(machine)
            case "kill":
                self.down.add(machine)
                self.asleep.discard(machine)
            case "stop":
                self.asleep.add(machine)
            case "resume":
                self.asleep.discard(machine)
            case "unplug":
                self.unplugged.add(machine)
            case "plug":
                self.unplugged.discard(machine)
            case "lose":
                self.lost.add(pair)
            case "find":
                self.lost.discard(pair)
        return self.shape() != before

    def shape(self):
        return frozenset(self.down), frozenset(self.asleep), frozenset(self.unplugged), frozenset(self.lost)

    def runs(self, machine):
        return machine not in self.down and machine not in self.asleep

    def speak(self, one, other):
        """Whether two machines that run reach each other; a connection takes both ways."""
        wires = not {one, other} & self.unplugged and not {(one, other), (other, one)} & self.lost
        return wires and self.runs(one) and self.runs(other)

    def connected(self):
        """The members that run and have a wire."""
        return [each for each in self.members if self.runs(each) and each not in self.unplugged]

    def engine_surely_works(self):
        """A majority is there, and no two of those who are there are apart, for that makes elections without end."""
        there = self.connected()
        apart = any(not self.speak(one, other) for one, other in itertools.combinations(there, 2))
        return len(there) > len(self.members) // 2 and not apart

    def engine_surely_rests(self):
        """Nobody can reach a majority."""
        if not self.members:
            return False
        there = self.connected()
        return not any(
            1 + sum(self.speak(each, other) for other in there if other != each) > len(self.members) // 2 for each in there
        )

    def engine_is_whole(self):
        return len(self.connected()) == len(self.members) and self.engine_surely_works()

    def in_touch(self, node):
        if not self.members:
            return self.runs(node)
        return self.engine_surely_works() and any(self.speak(node, each) for each in self.members)

    def in_full_touch(self, node):
        if not self.members:
            return self.runs(node)
        return self.engine_is_whole() and all(self.speak(node, each) for each in self.members)

    def away(self, node):
        if not self.members:
            return False
        return self.runs(node) and (self.engine_surely_rests() or not any(self.speak(node, each) for each in self.members))

    def touches(self, node):
        """What of the machines is of importance to one node."""
        others = {each for each in self.nodes if each != node}
        return tuple(
            frozenset(each for each in part if not others & set(each if isinstance(each, tuple) else (each,)))
            for part in self.shape()
        )


class Weather:
    """Sky over time."""

    def __init__(self, records, members, nodes):
        self.members, self.nodes = members, nodes
        changes = sorted((each for each in records if each["do"] == "state"), key=lambda each: each["at"])
        self.end = max((each.get("at") or each.get("end", 0.0) for each in records), default=0.0) + 1.0
        self.changes = [each["at"] for each in changes]
        skies = self.skies(changes)
        self.rests = Spans(self.spans(skies, lambda sky: sky.engine_surely_rests(), LINGER))
        self.works = Spans(self.works_of(skies))
        self.calm = Spans(self.spans(skies, lambda sky: all(map(sky.in_full_touch, nodes)), SETTLE))
        self.engine_changes = [each["at"] for each in changes if {each["machine"], each.get("other")} & set(members)]
        self.touch, self.away, self.runs, self.lives = {}, {}, {}, {}
        for node in nodes:
            self.lives[node] = self.lives_of(node, records)
            self.runs[node] = Spans(self.runs_of(node, skies))
            self.touch[node] = Spans(self.cut_to_lives(node, self.touch_of(node, skies)))
            self.away[node] = Spans(self.spans(skies, lambda sky, node=node: sky.away(node), LINGER))

    def skies(self, changes):
        """Pairs of a time and the sky from then on."""
        sky, found = Sky(self.members, self.nodes), []
        for change in changes:
            copy = Sky(self.members, self.nodes)
            copy.down, copy.asleep, copy.unplugged, copy.lost = (set(part) for part in sky.shape())
            copy.apply(change)
            found.append((change["at"], copy))
            sky = copy
        return found

    def spans(self, skies, holds, delay):
        """When something holds, without its first seconds."""
        found, since = [], None
        for at, sky in skies + [(self.end, None)]:
            is_so = sky is not None and holds(sky)
            if is_so and since is None:
                since = at
            if not is_so and since is not None:
                found.append((since + delay, at))
                since = None
        return found

    def works_of(self, skies):
        """When there is a leader: some time after the last that was done to any member."""
        found, since, seen = [], None, None
        for at, sky in skies + [(self.end, None)]:
            members = None if sky is None else sky.touches(None)
            if members == seen and sky is not None:
                continue
            if since is not None:
                found.append((since + ELECTION, at))
            seen, since = members, at if sky is not None and sky.engine_surely_works() else None
        return found

    def touch_of(self, node, skies):
        """A node in touch that notices some change may need its time again."""
        found, since, seen = [], None, None
        for at, sky in skies + [(self.end, None)]:
            important = None if sky is None else sky.touches(node)
            if important == seen and sky is not None:
                continue
            if since is not None:
                found.append((since, at))
            seen, since = important, None
            if sky is not None and sky.in_touch(node):
                since = at + (SETTLE if sky.in_full_touch(node) else SETTLE_IN_TROUBLE)
        return found

    def runs_of(self, node, skies):
        return self.spans(skies, lambda sky: sky.runs(node), 0.0)

    def lives_of(self, node, records):
        """The processes of a node: when each was started, was ready, and was killed."""
        lives = []
        of_node = [each for each in records if each["do"] in ("state", "ready") and node in (each.get("machine"), each.get("node"))]
        for each in sorted(of_node, key=lambda each: each["at"]):
            if each["do"] == "ready" and lives and lives[-1][1] == FOREVER:
                lives[-1][1] = each["at"]
            elif each.get("what") == "start":
                lives.append([each["at"], FOREVER, FOREVER])
            elif each.get("what") == "kill" and lives:
                lives[-1][2] = each["at"]
        return lives

    def cut_to_lives(self, node, spans):
        """Only what lies within one life of a node, and after it was ready for a while."""
        return [
            (max(begin, ready + SETTLE), min(end, killed))
            for begin, end in spans for _, ready, killed in self.lives[node] if ready != FOREVER
        ]

    def life(self, node, at):
        """The process of a node at this time, if it had become ready."""
        for life in self.lives[node]:
            if life[1] <= at <= life[2]:
                return life
        return None

    def killed_between(self, node, begin, end):
        return any(begin <= killed <= end for _, _, killed in self.lives[node])

    def answers(self, node, begin, end):
        """Whether a node must answer a question of this time: ready before, and neither stopped nor killed."""
        return self.life(node, begin) is not None and self.runs[node].around(begin - 0.3, end + 0.3) is not None

    def engine_changed(self, begin, end):
        """Whether anything was done to a member in this time."""
        return any(begin <= at <= end for at in self.engine_changes)

    def last_change(self, at):
        """The latest time until `at` at which anything was done to any machine."""
        index = bisect.bisect_right(self.changes, at) - 1
        return self.changes[index] if index >= 0 else None
