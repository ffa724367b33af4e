"""The servers of a run: started when first needed, held still while another is measured, ended at the end."""

import random
import statistics

from . import servers
from .data import Data
from .load import Load, measure
from .process import Failed, Server
from .settings import say

# Queries under way over UDP. More would not fit the receive buffer of a server that leaves it as the system makes it.
WINDOW = 128


class Stage:
    def __init__(self, settings):
        self.settings = settings
        self.few = Data(settings.services, settings.hosts)
        self.many = Data(settings.many_services, settings.hosts)
        self._servers = {}
        self._available = {}

    # ---- servers ----

    def rollcall(self, data, store="memory", both=False):
        """rollcall with that data; `both`: on the processors of the generator too."""
        return self._server(
            ("rollcall", data.services, store, both), lambda processors: self._rollcall(processors, data, store), both
        )

    def peer(self, name, data, both=False):
        """Another server with the same, or none where it is missing or does not start."""
        if not self._is_available(name):
            return None
        make = getattr(self, f"_{name}")
        try:
            return self._server((name, data.services, both), lambda processors: make(processors, data), both)
        except Failed as failure:
            say(f"left out: {failure}")
            self._available[name] = False
            return None

    def empty_rollcall(self, store="memory", kind="empty"):
        return self._server(("rollcall", kind, store), lambda processors: servers.Rollcall(processors, store).start())

    def http_floor(self):
        return self._server(("http-floor",), servers.http_floor)

    def _server(self, key, make, both=False):
        if key not in self._servers:
            self.hold()
            try:
                self._servers[key] = make(self.settings.both if both else self.settings.server)
            except BaseException:
                self._close_strays()
                raise
        return self._servers[key]

    def _close_strays(self):
        """Ends what was started and never got ready."""
        for server in list(Server.living):
            if server not in self._servers.values():
                server.close()

    def drop(self, server):
        """Ends one that is not needed any more."""
        self._servers = {key: other for key, other in self._servers.items() if other is not server}
        server.close()

    def close(self):
        self._servers = {}
        self._close_strays()

    def hold(self, *but):
        """Holds all still but these."""
        for server in self._servers.values():
            if server.process is not None and server not in but:
                server.pause()
        for server in but:
            server.go_on()

    def _rollcall(self, processors, data, store):
        data.make()
        say(f"starting rollcall with {data.services * data.hosts} hosts")
        server = servers.Rollcall(processors, store).start()
        server.fill(data, self.settings.generator)
        return server

    def _nsd(self, processors, data):
        return self._loaded(servers.nsd(processors, data.make()), data)

    def _knot(self, processors, data):
        return self._loaded(servers.knot(processors, data.make()), data)

    def _coredns(self, processors, data):
        return self._loaded(servers.coredns(processors, data.make()), data)

    def _consul(self, processors, data):
        return self._loaded(servers.consul(processors, data.make(), self.settings.generator), data)

    def _floor(self, processors, data):
        """Its replies are as long as rollcall's."""
        own = self.rollcall(data)
        self.hold(own)
        octets = [servers.octets_of(own, data, kind) for kind in ("A", "SRV")]
        return self._loaded(servers.udp_floor(processors, *octets), data)

    def _loaded(self, server, data):
        say(f"starting {server.name}")
        server.until_answered(servers.first_question(data))
        return server

    def _is_available(self, name):
        if name not in self._available:
            self._available[name] = {
                "nsd": lambda: servers.is_installed("nsd"),
                "knot": lambda: servers.is_installed("knotd"),
                "floor": lambda: True,
                "coredns": lambda: self.settings.go and servers.build("coredns"),
                "consul": lambda: self.settings.go and servers.build("consul"),
            }[name]()
        return self._available[name]

    # ---- measuring ----

    def asked(self, server, data, kind="mix", mode="udp", seconds=None, both=False, beside=None, **options):
        """One measurement of DNS; by default as much as the server can answer, from one processor to the other. Another
        server may run `beside`."""
        expected = {"nxdomain": {"rcode": 3, "answers": 0}, "nodata": {"answers": 0}}.get(kind, {"answers": data.hosts})
        options = {"seconds": seconds or self.settings.seconds, "window": WINDOW} | expected | options
        processors = self.settings.both if both else self.settings.generator
        if both:
            options |= {"block": True, "connections": 16, "window": 512}
        self.hold(*{server, beside or server})
        return measure(server, lambda: Load(mode, server.dns, data.path(f"q-{kind}"), processors, **options))

    def rounds(self, measurements):
        """Measures each in every round, in another order each time; the medians, by key."""
        found = {key: [] for key in measurements}
        # Once to warm up: caches, and what a server makes at the first question.
        for run in measurements.values():
            run()
        for number in range(self.settings.rounds):
            say(f"  round {number + 1}")
            order = list(measurements)
            random.shuffle(order)
            for key in order:
                found[key].append(measurements[key]())
        return {key: medians(reports) for key, reports in found.items()}


def medians(reports):
    """The median of each number, by itself."""
    numbers = [
        key for key, value in reports[0].items() if isinstance(value, (int, float)) and not isinstance(value, bool)
    ]
    return {key: statistics.median(report[key] for report in reports) for key in numbers}
