"""The parts that register: what it costs, how soon it is seen, what it does to those who ask."""

import itertools
import tempfile

from . import data as forms
from . import requests
from .load import Load, may_have_priority, measure
from .machine import touch_memory
from .process import Failed, ask
from .rows import Row, ratio
from .settings import say
from .stage import WINDOW


def registration(stage):
    """New hosts over HTTP: one a request on 64 connections, a hundred a request, and the floor of the former."""
    settings = stage.settings
    own, floor = stage.empty_rollcall(), stage.http_floor()
    stage.hold(own)
    own.find_batches(settings.generator)
    series = itertools.count()

    def run(server, form, hosts_a_request=1):
        number = next(series)
        rows = fresh_rows(number, settings)
        lines = (
            [form(*row) for row in rows]
            if hosts_a_request == 1
            else [form(pile) for pile in forms.in_batches(rows, hosts_a_request)]
        )
        stage.hold(server)
        with tempfile.NamedTemporaryFile("w", dir=server.folder, buffering=1 << 20) as file:
            file.writelines(lines)
            file.flush()
            touch_memory()
            report = measure(
                server,
                lambda: Load("http", server.http, file.name, settings.generator, once=True, connections=64, window=64),
            )
        if server is own and not ask(
            own.dns, f"{fresh_name(number, settings.registrations // settings.hosts - 1)}.service.local A"
        ):
            raise Failed("what was registered is not answered")
        return {"cpu": report["cpu"] / hosts_a_request, "rate": report["rate"] * hosts_a_request}

    measurements = {"own": lambda: run(own, forms.single), "floor": lambda: run(floor, forms.floor)}
    if own.batches:
        measurements["batch"] = lambda: run(own, forms.batch, 100)
    figures = stage.rounds(measurements)
    stage.drop(own)
    single = figures["own"]
    rows = [
        ratio(
            "registration",
            "registration over HTTP, 64 connections: CPU each / floor of axum",
            single["cpu"],
            figures["floor"]["cpu"],
            "us",
            2.0,
            1.6,
            name="floor",
        ),
        ratio(
            "registration",
            "registrations a second on one core / floor",
            single["rate"],
            figures["floor"]["rate"],
            "",
            more=True,
            name="floor",
            digits=0,
        ),
    ]
    what = "batch of 100: CPU a host / single registration"
    if own.batches:
        rows.append(ratio("registration", what, figures["batch"]["cpu"], single["cpu"], "us", 0.5, 0.36, name="single"))
    else:
        rows.append(
            Row("registration", what, gate=0.5, goal=0.36, missing=f"POST /v1/hosts is refused ({own.refusal})")
        )
    return rows


def fresh_rows(series, settings):
    """Hosts that no other series has, at addresses of their own."""
    services = settings.registrations // settings.hosts
    first = (1 << 20) + series * settings.registrations
    for service in range(services):
        for host in range(settings.hosts):
            yield fresh_name(series, service), f"host-{host}", forms.address(first + service * settings.hosts + host)


def fresh_name(series, service):
    return f"new-{series:03d}-{service:05d}"


def visible(stage):
    """From the first octet of a registration to the answer that has it; server and client share the processors."""
    settings = stage.settings
    stage.few.make()
    missed, rounds = 0, []
    for _ in range(settings.rounds):
        server = stage.rollcall(stage.few, both=True)
        stage.hold(server)
        report = Load.visible(server, settings.both, settings.visible).result()
        missed += report["lost"]
        rounds.append(report)
        forget(server, settings)
    middle = {key: sorted(report[key] for report in rounds)[len(rounds) // 2] / 1000 for key in ("p50", "p99")}
    count = settings.visible * settings.rounds
    return [
        Row(
            "visible",
            "registered, and not in the first answer after the 2xx",
            f"{missed} of {count:,}",
            "-",
            float(missed),
            0,
            0,
            " hosts",
        ),
        Row("visible", "registered to answered, p50", f"{middle['p50']:.3f} ms", "-", middle["p50"], 0.3, 0.15, " ms"),
        Row("visible", "registered to answered, p99", f"{middle['p99']:.3f} ms", "-", middle["p99"], 2, 1, " ms"),
    ]


def forget(server, settings):
    """Takes the hosts of `visible` out again."""
    server.register(
        (f"DELETE /v1/hosts/visible-{number:06d}/host\n" for number in range(settings.visible)), settings.generator
    )


def flood(stage):
    """How long the one side waits while the other is flooded.

    The generator that measures goes before the one that floods.
    """
    data, settings = stage.few, stage.settings
    server = stage.rollcall(data)
    file, seconds = requests.changes(data), max(2.0, settings.seconds * 1.5)
    priority = may_have_priority()
    if not priority:
        say("  without real-time priority the generators are in each other's way: the figures are too high")

    def dns():
        return stage.asked(server, data, seconds=seconds, rate=10_000, window=2048, block=True, priority=priority)

    def register():
        return Load(
            "http",
            server.http,
            file,
            settings.generator,
            priority,
            seconds=seconds,
            rate=1_000,
            connections=16,
            window=512,
            block=True,
        ).result()

    def while_flooded(run, *load, **options):
        stage.hold(server)
        other = Load(*load, settings.generator, seconds=seconds + 0.6, **options)
        try:
            report = run()
            report["flood"] = other.result()["rate"]
        finally:
            other.stop()
        return report

    def quiet(run):
        stage.hold(server)
        return run()

    figures = stage.rounds(
        {
            "dns": lambda: quiet(dns),
            "dns flooded": lambda: while_flooded(dns, "http", server.http, file, connections=64, window=64),
            "http": lambda: quiet(register),
            "http flooded": lambda: while_flooded(
                register, "udp", server.dns, data.path("q-mix"), answers=data.hosts, window=WINDOW
            ),
        }
    )
    rows = []
    for key, what, gate, goal in (
        ("dns", "10,000 queries a second: p99 while {:,.0f} registrations a second arrive / quiet", 3, 1.5),
        ("http", "1,000 registrations a second: p99 while {:,.0f} queries a second arrive / quiet", 5, 2),
    ):
        busy = figures[f"{key} flooded"]
        rows.append(
            ratio(
                "flood",
                what.format(busy["flood"]),
                busy["p99"],
                figures[key]["p99"],
                "us",
                gate,
                goal,
                name="quiet",
                digits=0,
            )
        )
    return rows
