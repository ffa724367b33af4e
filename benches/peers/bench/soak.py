"""The part that lasts: saturation, with 10,000 changes a second, and the memory meanwhile."""

import time

from . import requests
from .load import Load
from .rows import Row

SAMPLE_SECONDS = 30


def soak(stage):
    """Prints resident memory twice a minute. Two hosts of each service come and go."""
    data, settings = stage.few, stage.settings
    server = stage.rollcall(data)
    stage.hold(server)
    minutes = settings.soak_minutes
    # A short one has as many samples as it takes to see something.
    slice_seconds = min(SAMPLE_SECONDS, minutes * 60 / 10)
    samples = []
    churn = Load(
        "http",
        server.http,
        requests.churn(data),
        settings.generator,
        seconds=minutes * 60 + slice_seconds,
        rate=requests.CHANGES_A_SECOND,
        connections=64,
        window=64,
        block=True,
    )
    print(f"\nSoak: {minutes:g} minutes, {requests.CHANGES_A_SECOND:,} changes a second wanted\n")
    print("| seconds | resident MiB | queries/s | lost |\n| --- | --- | --- | --- |", flush=True)
    start = time.monotonic()
    try:
        while time.monotonic() - start < minutes * 60:
            report = stage.asked(server, data, seconds=slice_seconds, answers=f"{data.hosts}-{data.hosts + 2}")
            samples.append((time.monotonic() - start, server.memory()))
            print(
                f"| {samples[-1][0]:.0f} | {samples[-1][1] / 2**20:.1f} | {report['rate']:,.0f} | {report['lost']} |",
                flush=True,
            )
        done = churn.result()["rate"]
    finally:
        churn.stop()
    print()
    early, last = samples[len(samples) // 5][1], samples[-1][1]
    what = f"memory after {minutes:g} minutes at saturation with {done:,.0f} changes a second / after a fifth of them"
    return [Row("soak", what, f"{last / 2**20:.1f} MiB", f"early {early / 2**20:.1f} MiB", last / early, 1.1, 1.02)]
