"""The chart: how many queries a second of CPU time answers, as bars. Plain SVG, readable in light and in dark."""

import time

from .machine import describe
from .settings import HERE, WORK

WIDTH, LABEL, BAR, STEP, TOP = 640, 92, 18, 26, 46
STYLE = """text { font: 13px system-ui, sans-serif; fill: #57606a } .head { font-weight: 600; fill: #24292f }
.other { fill: #8c959f } .floor { fill: none; stroke: #8c959f; stroke-dasharray: 4 3 } .own { fill: #1f7a4d }
@media (prefers-color-scheme: dark) { text { fill: #9198a1 } .head { fill: #e6edf3 } .own { fill: #3fb27f } }"""


def draw(costs, settings):
    """Writes the chart of `costs`, microseconds of CPU a query by server.

    That of a quick run stays in the build directory.
    """
    path = (WORK if settings.quick else HERE) / "chart.svg"
    rates = {name: 1e6 / cost for name, cost in costs.items() if cost > 0}
    rows = sorted(rates.items(), key=lambda pair: -pair[1])
    longest = WIDTH - LABEL - 190
    scale = longest / max(rates.values())
    height = TOP + STEP * len(rows) + 30
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" role="img">',
        "<title>Queries answered in a second of CPU time</title>",
        f"<style>{STYLE}</style>",
        '<text class="head" x="0" y="16">Queries answered in a second of CPU time</text>',
        f'<text x="0" y="34">UDP, half A, half SRV with addresses, {settings.services * settings.hosts:,} hosts</text>',
    ]
    for number, (name, rate) in enumerate(rows):
        y = TOP + STEP * number
        kind = {"rollcall": "own", "the floor": "floor"}.get(name, "other")
        beside = f" ({rate / rates['NSD']:.2f} x NSD)" if "NSD" in rates and name != "NSD" else ""
        lines += [
            f'<text class="{"head" if kind == "own" else "name"}" x="0" y="{y + 14}">{name}</text>',
            f'<rect class="{kind}" x="{LABEL}" y="{y}" width="{max(1.0, rate * scale):.1f}" height="{BAR}" rx="2"/>',
            f'<text x="{LABEL + rate * scale + 8:.1f}" y="{y + 14}">{rate:,.0f}{beside}</text>',
        ]
    lines += [f'<text x="0" y="{height - 8}">{describe()}, {time.strftime("%d %B %Y").lstrip("0")}</text>', "</svg>"]
    path.write_text("\n".join(lines) + "\n")
