"""Judges a history: is every answer what somebody did, is nothing lost, does nothing come back?"""
import bisect
import collections

from .hosts import Host
from .weather import FOREVER, Weather

# etcd itself may end a lease that was renewed: its leaders do not tell each other of renewals, and one that was cut off or slept
# still ends what it believes is over. Nodes write such a row again: within the first of these times of an etcd that works, and
# that is no excuse but for the second after something was done to etcd.
GAP, AFTER = 2.5, 10.0
# How long a node may take to say that it is cut off.
UNMARKED = 10.0
STALE = 3


class Fault:
    """One thing that must not be."""

    def __init__(self, kind, at, text):
        self.kind, self.at, self.text = kind, at, text

    def __str__(self):
        return f"{self.kind} at {self.at:.3f}: {self.text}"


class Checker:
    """Reads a history once."""

    def __init__(self, records, members, nodes):
        self.records = records
        self.weather = Weather(records, members, nodes)
        self.hosts, self.services, self.addresses = {}, collections.defaultdict(list), {}
        self.faults, self.counts = [], collections.Counter()
        self.missing, self.shown = [], collections.defaultdict(list)
        for record in records:
            if "host" in record:
                self.host(record["host"]).add(record)
            if record["do"] == "write" and record.get("address"):
                self.addresses[record["address"]] = record["host"]
        for host in self.hosts.values():
            host.finish()

    def host(self, name):
        if name not in self.hosts:
            self.hosts[name] = Host(name, self.weather)
            self.services[name.split("/")[0]].append(self.hosts[name])
        return self.hosts[name]

    def check(self):
        for record in self.records:
            match record["do"]:
                case "ask":
                    self.check_ask(record)
                case "table" | "last":
                    self.check_table(record)
                case "beat":
                    self.check_beat(record)
                case "write":
                    self.counts[f"{record['what']} {record['outcome']}"] += 1
                    if record["what"] == "deregister" and record["outcome"] == "unknown":
                        self.check_known(record)
        self.judge_missing()
        return self.faults

    def judge_missing(self):
        """What was missing for a moment after something was done to etcd is counted, the rest is a fault."""
        for times in self.shown.values():
            times.sort()
        for record, host, text in self.missing:
            times = self.shown[record["node"], host.name]
            place = bisect.bisect_left(times, record["begin"])
            before = times[place - 1] if place else 0.0
            after = times[place] if place < len(times) else FOREVER
            if self.weather.works.time(before, after) <= GAP and self.weather.engine_changed(before - AFTER, record["end"]):
                self.counts["hosts missing for a moment, as etcd had ended their lease"] += 1
            else:
                self.complain("missing", record, text)

    def complain(self, kind, record, text):
        self.faults.append(Fault(kind, record["end"], f"{record['node']}: {text}"))

    # ---- questions ----

    def check_ask(self, ask):
        self.counts["questions"] += 1
        if not self.weather.answers(ask["node"], ask["begin"], ask["end"]):
            self.counts["questions to a node that did not run"] += 1
            return
        self.counts["questions to a node that ran"] += 1
        if ask["rcode"] not in ("NOERROR", "NXDOMAIN") or ask["truncated"]:
            self.complain("failed query", ask, f"{ask['service']}: {ask['rcode'] or 'no answer'} of {ask['begin']:.3f}")
            return
        self.check_shown(ask, ask["service"], ask["addresses"])
        for host in self.services[ask["service"]]:
            self.check_present(ask, host, ask["addresses"])
        away = self.weather.away[ask["node"]].around(ask["begin"] - UNMARKED, ask["end"])
        if away is not None:
            self.counts["answers of a node that was away"] += 1
            if STALE not in ask["errors"]:
                self.complain("not marked as stale", ask, f"{ask['service']}, away since {away[0]:.3f}")

    def check_shown(self, record, service, addresses):
        """Each address was registered and is not surely gone, and no host has two."""
        seen = {}
        for address in addresses:
            self.counts["hosts shown"] += 1
            name = self.addresses.get(address)
            if name is None or name.split("/")[0] != service:
                self.complain("out of nowhere", record, f"{service} has {address}")
                continue
            if name in seen:
                self.complain("two at a time", record, f"{name} is {seen[name]} and {address}")
            seen[name] = address
            why = self.hosts[name].may_show(address, record["node"], record["begin"], record["end"])
            if why is not None:
                self.complain("came back", record, f"{name} {address}: {why}")

    def check_present(self, record, host, addresses):
        write = host.must_be_there(record["node"], record["begin"], record["end"])
        self.counts["hosts that may be missing" if write is None else "hosts that must be there"] += 1
        if any(self.addresses.get(address) == host.name for address in addresses):
            self.shown[record["node"], host.name].append(record["begin"])
        elif write is not None:
            self.missing.append((record, host, f"{host.name} {write['address']}, registered at {write['node']} at"
                                 f" {write['end']:.3f} and alive until {write['alive']:.3f}"))

    # ---- the others ----

    def check_beat(self, beat):
        self.counts[f"renewal {beat['outcome']}"] += 1
        if beat["outcome"] == "unknown":
            self.check_known(beat)

    def check_known(self, record):
        """A node said that a host is not there."""
        host = self.hosts[record["host"]]
        write = host.must_be_there(record["node"], record["begin"], record["end"])
        if write is not None:
            self.missing.append((record, host, f"{host.name} is unknown, registered at {write['node']} at {write['end']:.3f}"
                                 f" and alive until {write['alive']:.3f}"))

    def check_table(self, table):
        self.counts["tables"] += 1
        of_service = collections.defaultdict(list)
        for name, address in table["hosts"].items():
            of_service[name.split("/")[0]].append(address)
            if self.addresses.get(address) != name:
                self.complain("out of nowhere", table, f"{name} is {address}")
        for service in set(of_service) | set(self.services):
            self.check_shown(table, service, of_service[service])
            for host in self.services[service]:
                self.check_present(table, host, of_service[service])
        if table["do"] == "last":
            self.check_last(table)

    def check_last(self, table):
        """No acknowledged registration is lost whose owner kept renewing it."""
        for host in self.hosts.values():
            address = host.must_have_stayed()
            if address is not None:
                self.counts["hosts that must have stayed"] += 1
                if table["hosts"].get(host.name) != address:
                    self.complain("lost", table, f"{host.name} {address}; there is {table['hosts'].get(host.name)}")
