"""The part with a million hosts: memory, start, and what an answer costs."""

import statistics

from . import servers
from .rows import Row, ratio
from .settings import say


def million(stage):
    """Registered over HTTP into the file store, asked, stopped, started again."""
    many, few = stage.many, stage.few
    hosts = many.services * many.hosts
    empty = stage.empty_rollcall("file")
    stage.hold(empty)
    nothing = empty.memory()
    stage.drop(empty)
    server = stage.rollcall(many, "file")
    stage.hold(server)
    rows = [memory_row("registered over HTTP", server.memory() - nothing, hosts)]
    small = stage.rollcall(few)
    figures = stage.rounds(
        {
            "many": lambda: stage.asked(server, many),
            "few": lambda: stage.asked(small, few),
        }
    )
    what = f"{hosts:,} hosts: CPU a query / at {few.services * few.hosts:,}"
    rows.append(ratio("million", what, figures["many"]["cpu"], figures["few"]["cpu"], "us", 1.35, 1.2, name="there"))
    rows.append(start_row(stage, server, hosts))
    stage.hold(server)
    rows.append(memory_row("after a start", server.memory() - nothing, hosts))
    return rows


def memory_row(when, octets, hosts):
    each = octets / hosts
    return Row(
        "million", f"{hosts:,} hosts, {when}: octets a host", f"{octets / 1e6:,.0f} MB", "-", each, 1000, 750, " B"
    )


def start_row(stage, server, hosts):
    """From the start to the first answer, rollcall from its file, Knot from the zone file, in turn."""
    question = servers.first_question(stage.many)
    what = f"{hosts:,} hosts: start to first answer / Knot"
    own, other = [], []
    for number in range(stage.settings.starts):
        say(f"  start {number + 1}")
        server.stop()
        stage.hold()
        server.start()
        own.append(server.until_answered(question, 300, 0.002))
        if not servers.is_installed("knotd"):
            continue
        stage.hold()
        knot = servers.knot(stage.settings.server, stage.many)
        try:
            other.append(knot.until_answered(question, 300, 0.002))
        finally:
            knot.close()
    if not other:
        return Row("million", what, f"{statistics.median(own):.2f} s", gate=1.0, goal=0.6, missing="no Knot")
    return ratio("million", what, statistics.median(own), statistics.median(other), "s", 1.0, 0.6, name="Knot")
