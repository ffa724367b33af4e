"""The parts that ask: over UDP and TCP, as fast as it goes and at a rate."""

from . import chart, requests
from .load import Load
from .rows import Row, ratio
from .settings import say


def absent(part, what, name, gate=None, goal=None, more=False):
    reason = f"no {name}" + (" (see --go)" if name in ("Consul", "CoreDNS") else "")
    return Row(part, what, gate=gate, goal=goal, more=more, missing=reason)


def udp(stage):
    """Half A, half SRV, from one core."""
    data = stage.few
    names = {
        "rollcall": "rollcall",
        "floor": "the floor",
        "nsd": "NSD",
        "knot": "Knot",
        "coredns": "CoreDNS",
        "consul": "Consul",
    }
    found = {"rollcall": stage.rollcall(data)} | {name: stage.peer(name, data) for name in list(names)[1:]}
    found = {name: server for name, server in found.items() if server}
    figures = stage.rounds({name: lambda server=server: stage.asked(server, data) for name, server in found.items()})
    chart.draw({names[name]: figures[name]["cpu"] for name in figures}, stage.settings)
    own, rows = figures["rollcall"], []

    def row(what, other, key, unit, gate=None, goal=None, more=False):
        if other not in figures:
            rows.append(absent("udp", what, names[other], gate, goal, more))
            return
        digits = 0 if key == "rate" else 2
        rows.append(ratio("udp", what, own[key], figures[other][key], unit, gate, goal, more, names[other], digits))

    row("UDP, A and SRV: CPU a query / NSD", "nsd", "cpu", "us", 0.70, 0.58)
    row("UDP: CPU a query / floor of recvmmsg and sendmmsg", "floor", "cpu", "us", 1.45, 1.25)
    row("UDP: CPU a query / Knot", "knot", "cpu", "us")
    row("UDP: CPU a query / CoreDNS, file", "coredns", "cpu", "us")
    row("UDP: CPU a query / Consul", "consul", "cpu", "us")
    row("queries a second on one core / NSD", "nsd", "rate", "", 1.5, 1.8, True)
    row("queries a second on one core / Consul", "consul", "rate", "", 35, 42, True)
    row("queries a second on one core / CoreDNS, file", "coredns", "rate", "", 18, 23, True)
    return rows


def changes(stage):
    """The same while hosts change, beside the same server left alone; and what sharing a processor costs the floor."""
    data = stage.few
    server, floor, http_floor = stage.rollcall(data), stage.peer("floor", data), stage.http_floor()

    def loaded(asked, registrar, file):
        report = stage.asked(
            asked,
            data,
            beside=registrar,
            registrar=f"127.0.0.1:{registrar.http}",
            registrations=file,
            registrations_rate=requests.CHANGES_A_SECOND,
        )
        return report | {"changes": report["beside"]["rate"]}

    figures = stage.rounds(
        {
            "quiet": lambda: stage.asked(server, data),
            "loaded": lambda: loaded(server, server, requests.changes(data)),
            "floor": lambda: stage.asked(floor, data),
            "floor loaded": lambda: loaded(floor, http_floor, requests.floor(data)),
        }
    )
    quiet, busy = figures["quiet"], figures["loaded"]
    what = f"while {busy['changes']:,.0f} registrations a second arrive"

    # What two floors pay for sharing a processor: none of it is ours.
    floors = ratio(
        "changes",
        "for comparison: a query of the floor, while as many arrive at the floor of axum / quiet",
        figures["floor loaded"]["cpu"],
        figures["floor"]["cpu"],
        "us",
        name="quiet",
    )
    floors.own = f"the floor {floors.own}"
    return [
        ratio(
            "changes",
            f"CPU a query of the DNS threads {what} / quiet",
            busy["dns_cpu"],
            quiet["dns_cpu"],
            "us",
            1.10,
            1.04,
            name="quiet",
        ),
        floors,
        ratio(
            "changes",
            "CPU a query of the whole server meanwhile, the registrations' own in it / quiet",
            busy["cpu"],
            quiet["cpu"],
            "us",
            name="quiet",
        ),
        ratio(
            "changes",
            "queries a second meanwhile, server and generator paying for both",
            busy["rate"],
            quiet["rate"],
            "",
            more=True,
            name="quiet",
            digits=0,
        ),
    ]


def negative(stage):
    """What is not there, beside what is."""
    rows = []
    for data, store in ((stage.few, "memory"), (stage.many, "file")):
        server = stage.rollcall(data, store)
        kinds = ("mix", "a", "nxdomain", "nodata")
        figures = stage.rounds({kind: lambda kind=kind: stage.asked(server, data, kind) for kind in kinds})
        for kind in ("nxdomain", "nodata"):
            what = f"{kind.upper()} at {data.services:,} services: CPU a query / "
            rows.append(
                ratio(
                    "negative",
                    what + "positive answer",
                    figures[kind]["cpu"],
                    figures["mix"]["cpu"],
                    "us",
                    1.1,
                    1.0,
                    name="A and SRV",
                )
            )
            rows.append(ratio("negative", what + "A alone", figures[kind]["cpu"], figures["a"]["cpu"], "us", name="A"))
    return rows


def tcp(stage):
    """Kept connections: one query at a time on each, and many."""
    data = stage.few
    shapes = {"one": {"connections": 64, "window": 64}, "many": {"connections": 8, "window": 256}}
    found = {"rollcall": stage.rollcall(data), "nsd": stage.peer("nsd", data)}
    found = {name: server for name, server in found.items() if server}
    figures = stage.rounds(
        {
            (name, shape): lambda server=server, options=options: stage.asked(server, data, mode="tcp", **options)
            for name, server in found.items()
            for shape, options in shapes.items()
        }
    )
    rows = []
    for shape, what, gate, goal in (
        ("one", "TCP, one query in flight on 64 connections: CPU a query / NSD", 0.60, 0.48),
        ("many", "TCP, 32 in flight on 8 connections: CPU a query / NSD", 0.15, 0.06),
    ):
        if "nsd" in found:
            rows.append(
                ratio(
                    "tcp",
                    what,
                    figures["rollcall", shape]["cpu"],
                    figures["nsd", shape]["cpu"],
                    "us",
                    gate,
                    goal,
                    name="NSD",
                )
            )
        else:
            rows.append(absent("tcp", what, "NSD", gate, goal))
    return rows


def openloop(stage):
    """Latency at a rate that both can answer easily, counted from when a query was due."""
    data = stage.few
    found = {"rollcall": stage.rollcall(data), "nsd": stage.peer("nsd", data)}
    found = {name: server for name, server in found.items() if server}
    seconds = max(2.0, stage.settings.seconds * 1.5)
    figures = stage.rounds(
        {
            name: lambda server=server: stage.asked(server, data, seconds=seconds, rate=10_000, window=2048)
            for name, server in found.items()
        }
    )
    rows = []
    for key, gate, goal in (("p50", 1.05, 0.95), ("p99", 1.2, 1.0)):
        what = f"10,000 queries a second: {key} / NSD"
        if "nsd" in found:
            rows.append(
                ratio(
                    "openloop",
                    what,
                    figures["rollcall"][key],
                    figures["nsd"][key],
                    "us",
                    gate,
                    goal,
                    name="NSD",
                    digits=0,
                )
            )
        else:
            rows.append(absent("openloop", what, "NSD", gate, goal))
    return rows


def twocores(stage):
    """Server and generator share all processors."""
    data = stage.few
    found = {"rollcall": stage.rollcall(data, both=True), "nsd": stage.peer("nsd", data, both=True)}
    found = {name: server for name, server in found.items() if server}
    figures = stage.rounds(
        {name: lambda server=server: stage.asked(server, data, both=True) for name, server in found.items()}
    )
    what = "two cores shared with the generator: queries a second / NSD"
    if "nsd" not in found:
        return [absent("twocores", what, "NSD", 1.25, 1.4, True)]
    return [ratio("twocores", what, figures["rollcall"]["rate"], figures["nsd"]["rate"], "", 1.25, 1.4, True, "NSD", 0)]


def dnsperf(stage):
    """The first figure once more, with a generator that is not ours."""
    from . import crosscheck

    data = stage.few
    found = {"rollcall": stage.rollcall(data), "nsd": stage.peer("nsd", data)}
    what = "dnsperf, UDP: CPU a query / NSD"
    if not found["nsd"] or not crosscheck.is_there():
        say("  dnsperf or NSD is missing")
        return [absent("dnsperf", what, "dnsperf and NSD")]

    def run(server):
        stage.hold(server)
        return crosscheck.measure(server, data, stage.settings)

    figures = stage.rounds({name: lambda server=server: run(server) for name, server in found.items()})
    return [ratio("dnsperf", what, figures["rollcall"]["cpu"], figures["nsd"]["cpu"], "us", name="NSD")]
