"""What is sure about each host: which writes still count, and when it cannot have lapsed."""
import bisect

from .weather import FOREVER

# A table is as the engine's after this time in touch; a renewal that was accepted is at the engine after that one; the
# engine looks for ended leases that often, and the brake may hold hosts for so many times their lease.
BEHIND, FLUSH, SLACK, BRAKE = 2.0, 2.0, 3.0, 4
# The status of a registration of a host that was not there.
CREATED = 201


class Host:
    """All that its owner did, in order."""

    def __init__(self, name, weather):
        self.name, self.weather = name, weather
        self.ttl = 0.0
        self.writes, self.beats, self.quiets = [], [], []
        self.reaches = []

    def add(self, record):
        match record["do"]:
            case "write":
                self.writes.append(record)
                self.ttl = max(self.ttl, record.get("ttl") or 0.0)
            case "beat":
                self.beats.append(record)
            case "quiet":
                self.quiets.append(record["at"])

    def finish(self):
        """Works out, once all is there, what the questions below take."""
        self.writes.sort(key=lambda each: each["begin"])
        self.beats.sort(key=lambda each: each["begin"])
        for write in self.writes:
            write["resolved"] = write["end"] if write["outcome"] != "open" else self.weather.calm.next(write["end"])
        self.compare()
        renewals = sorted(self.renewals(), key=lambda each: each[0])
        for write in self.writes:
            if write["what"] == "register" and write["outcome"] == "ok":
                write["alive"] = self.alive(write, renewals)
        latest = 0.0
        for each in sorted(self.writes + self.beats, key=lambda each: each["begin"]):
            latest = max(latest, self.reach(each))
            self.reaches.append((each["begin"], latest))

    def compare(self):
        """Which registrations may have changed nothing: those are taken as renewals are, by a node that is cut off, too."""
        said, acknowledged = {}, None
        for write in self.writes:
            # By default it is a change, which is at the engine when it is acknowledged.
            write["repeats"], write["renews"], write["since"] = False, False, write["begin"]
            if write["outcome"] not in ("ok", "open"):
                continue
            if write["what"] != "register":
                said, acknowledged = {}, None
                continue
            address = write["address"]
            if write.get("status") != CREATED and address in said:
                # One that was tried before, and may have been written then, is known where it is acknowledged.
                write["repeats"], write["renews"] = True, address == acknowledged
                if not self.weather.touch[write["node"]].around(write["begin"], write["end"]):
                    write["since"] = said[address]
            said.setdefault(address, write["begin"])
            if write["outcome"] == "ok":
                said, acknowledged = {address: said[address]}, address

    # ---- leases ----

    def renewals(self):
        """Pairs of the latest time at which the engine has a renewal, and the time until which it is good for sure."""
        for each in self.beats + self.writes:
            if each["outcome"] != "ok" or each.get("what") == "deregister":
                continue
            yield self.effect(each), self.until(each["begin"])

    def effect(self, each):
        """The latest time at which the engine has something that was acknowledged."""
        if not self.is_renewal(each):
            return each["end"]
        effect = self.weather.touch[each["node"]].next(each["end"]) + FLUSH
        return FOREVER if self.weather.killed_between(each["node"], each["begin"], effect) else effect

    @staticmethod
    def is_renewal(each):
        return each["do"] == "beat" or each["repeats"]

    def until(self, begin):
        """A lease of this time ends no sooner; while no engine works none does, and after that it is whole again."""
        end = begin + self.ttl
        for rest in self.weather.rests.spans:
            if rest[0] <= end and rest[1] >= begin:
                end = max(end, rest[1] + self.ttl)
        return end

    def alive(self, write, renewals):
        """Until when a host cannot have lapsed since this write."""
        alive = self.until(write["begin"] if write["renews"] else write["since"])
        for effect, until in renewals:
            if effect < write["end"]:
                continue
            if effect > alive:
                break
            alive = max(alive, until)
        return alive

    def reach(self, each):
        """The latest time at which an operation may have begun to count."""
        if each["outcome"] == "open":
            return self.weather.calm.next(each["end"])
        if each["outcome"] == "ok" and self.is_renewal(each):
            return self.weather.touch[each["node"]].next(each["end"])
        return each["end"] if each["outcome"] == "ok" else 0.0

    def has_surely_lapsed(self, node, begin, end):
        """A node that is cut off does not see that."""
        seen = self.weather.touch[node].last(begin)
        return seen is not None and self.lapses_before(seen, end)

    def lapses_before(self, begin, end):
        index = bisect.bisect_right(self.reaches, (end, FOREVER)) - 1
        if index < 0:
            return False
        latest = self.reaches[index][1]
        change = self.weather.last_change(begin)
        # The brake looks back on what fell silent in a window.
        if change is None or change < latest - 2 * self.ttl:
            return latest + self.ttl + SLACK < begin
        return max(latest, change) + BRAKE * self.ttl + SLACK < begin

    # ---- what a node knows ----

    def is_known(self, write, node, at):
        """Whether a node surely shows an acknowledged write, at a time at which it is ready."""
        if write["node"] == node and write["end"] <= at:
            return True
        seen, life = self.weather.touch[node].last(at), self.weather.life(node, at)
        effect = self.effect(write) if write["renews"] else write["end"]
        return (seen is not None and effect + BEHIND <= seen) or (life is not None and effect <= life[0])

    def must_be_there(self, node, begin, end):
        """The write for whose sake the host has to be in what a node says; nothing if it may be missing."""
        if self.weather.life(node, begin) is None:
            return None
        for write in reversed(self.writes):
            if write["begin"] >= end or "alive" not in write or not self.is_known(write, node, begin):
                continue
            if self.may_be_deregistered(write, end):
                return None
            bound, away = end, self.weather.away[node].around(begin, end)
            quiet = max((quiet for quiet in self.quiets if write["begin"] <= quiet <= end), default=None)
            if away is not None and quiet is None:
                bound = min(bound, away[0])
            alive = write["alive"] if quiet is None else min(write["alive"], self.by_the_clock(quiet))
            return write if alive >= bound else None
        return None

    def by_the_clock(self, quiet):
        """Until when the lease of a host that fell silent runs if nothing stops it: members that slept together go on as before."""
        heard = [each["begin"] for each in self.beats + self.writes if each["outcome"] == "ok" and each["begin"] <= quiet]
        return max(heard, default=0.0) + self.ttl

    def may_be_deregistered(self, write, end):
        return any(
            each["what"] == "deregister" and each["outcome"] in ("ok", "open")
            and each["begin"] < end and each["resolved"] > write["begin"]
            for each in self.writes
        )

    def may_show(self, address, node, begin, end):
        """Why a node may not say this address; nothing if it may."""
        why = "never registered"
        for write in self.writes:
            if write.get("address") != address or write["begin"] > end:
                continue
            if write["outcome"] not in ("ok", "open"):
                why = f"refused at {write['end']:.3f}"
                continue
            later = self.gone(write, node, begin)
            if later is not None:
                why = f"{later['what']} acknowledged by {later['node']} at {later['end']:.3f}"
                continue
            if not self.has_surely_lapsed(node, begin, end):
                return None
            why = "lapsed"
        return why

    def gone(self, write, node, at):
        """An acknowledged write that came after this one and that the node surely knows."""
        for later in reversed(self.writes):
            if later["begin"] < write["resolved"]:
                continue
            if later["outcome"] != "ok" or later is write or later.get("address") == write["address"]:
                continue
            if self.is_known(later, node, at):
                return later
        return None

    # ---- at the end ----

    def must_have_stayed(self):
        """The address that the owner has a right to: its last write was acknowledged, and each renewal since."""
        registered = [each for each in self.writes if each["outcome"] != "no"]
        if not registered or registered[-1]["what"] != "register" or registered[-1]["outcome"] != "ok":
            return None
        write = registered[-1]
        if any(each["outcome"] == "open" and each["resolved"] > write["begin"] for each in registered):
            return None
        since = [each for each in self.beats if each["begin"] >= write["begin"]]
        if any(each["outcome"] == "unknown" for each in since) or any(quiet >= write["begin"] for quiet in self.quiets):
            return None
        accepted = [write] + [each for each in since if each["outcome"] == "ok"]
        row = 1
        for one, other in zip(accepted, accepted[1:]):
            row = row + 1 if other["end"] - one["begin"] < self.ttl else 1
        return write["address"] if row >= 3 else None
