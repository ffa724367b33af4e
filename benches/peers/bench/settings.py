"""How long, how often, how many, and on which processors; and where things are."""

import os
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
ROOT = HERE.parent.parent
WORK = Path(os.environ.get("PEERS_WORK", ROOT / "target/peers"))
PROGRAMS = WORK / "release"
ROLLCALL = os.environ.get("ROLLCALL", str(ROOT / "target/release/rollcall"))


def processors(text):
    """0,1 as a set of numbers."""
    return {int(number) for number in text.split(",")}


@dataclass
class Settings:
    rounds: int = 5
    seconds: float = 2.0
    # The server has one processor, the generator another: neither is in the other's figure.
    server: set = field(default_factory=lambda: {0})
    generator: set = field(default_factory=lambda: {1})
    services: int = 10_000
    many_services: int = 100_000
    hosts: int = 10
    # Registrations of one measurement, each of a host that is not there.
    registrations: int = 30_000
    visible: int = 2_000
    soak_minutes: float = 10.0
    starts: int = 3
    go: bool = False
    quick: bool = False

    @property
    def both(self):
        return self.server | self.generator

    def hurry(self):
        """A few minutes for everything: to see that it runs, and what is plausible."""
        self.quick = True
        self.rounds, self.seconds, self.starts = 2, 0.7, 1
        self.many_services, self.registrations, self.visible, self.soak_minutes = 20_000, 15_000, 500, 1.0


def say(text):
    """What happens, beside the tables."""
    import sys

    print(text, file=sys.stderr, flush=True)
