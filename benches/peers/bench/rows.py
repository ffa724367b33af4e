"""One figure of the table: what it is, what it must be, whether it is that."""

import json
import time
from dataclasses import asdict, dataclass

from .settings import WORK

RESULTS = WORK / "rows.json"
HEAD = "| what | rollcall | beside | figure | gate | goal | |\n| --- | --- | --- | --- | --- | --- | --- |"


@dataclass
class Row:
    """`figure` is a ratio unless a unit is given. Without a gate it is there to be read."""

    part: str
    what: str
    own: str = "-"
    other: str = "-"
    figure: float | None = None
    gate: float | None = None
    goal: float | None = None
    unit: str = ""
    # Whether more is better.
    more: bool = False
    # Why there is no figure.
    missing: str = ""

    def verdict(self):
        if self.figure is None:
            return f"not measured: {self.missing}"
        if self.gate is None:
            return ""
        if self._reaches(self.goal):
            return "holds, reaches the goal"
        return "holds" if self._reaches(self.gate) else "**does not hold**"

    def _reaches(self, bound):
        return bound is not None and (self.figure >= bound if self.more else self.figure <= bound)

    def markdown(self):
        sign = ">=" if self.more else "<="
        bounds = ["" if bound is None else f"{sign} {bound:,g}{self.unit}" for bound in (self.gate, self.goal)]
        figure = "" if self.figure is None else f"{_number(self.figure)}{self.unit}"
        return "| " + " | ".join([self.what, self.own, self.other, figure, *bounds, self.verdict()]) + " |"


def _number(value):
    return f"{value:,.0f}" if value >= 100 or value == 0 else f"{value:.2f}"


def ratio(part, what, own, other, unit, gate=None, goal=None, more=False, name="", digits=2):
    """A row of two figures of the same unit, by their ratio. `name` is that of the other one."""
    text = [f"{value:,.{digits}f} {unit}".strip() for value in (own, other)]
    return Row(
        part,
        what,
        text[0],
        f"{name} {text[1]}".strip(),
        own / other if other else None,
        gate,
        goal,
        more=more,
        missing="" if other else "nothing to compare with",
    )


def print_table(rows):
    print(HEAD)
    for row in rows:
        print(row.markdown())
    print(flush=True)


def keep(part, rows, machine):
    """The rows of a part take the place of its older ones, so that a noisy part can be measured again."""
    kept = load()
    kept[part] = {
        "machine": machine,
        "at": time.strftime("%d %B %Y").lstrip("0"),
        "rows": [asdict(row) for row in rows],
    }
    RESULTS.write_text(json.dumps(kept, indent=1))


def load():
    return json.loads(RESULTS.read_text()) if RESULTS.exists() else {}


def kept_rows(order):
    """All rows, in the order of their parts, and the machines and days they are from."""
    kept = load()
    parts = [kept[part] for part in order if part in kept]
    rows = [Row(**row) for part in parts for row in part["rows"]]
    return rows, sorted({f"{part['machine']}; {part['at']}" for part in parts})
