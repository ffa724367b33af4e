"""Tries a store: python3 -m stores STORE PROGRAM DIRECTORY [NAME=VALUE]... (settings that say where the store is).

STORIES in the environment names those that are to be played; else all are.
"""
import concurrent.futures
import itertools
import os
import sys

# Stories list themselves, in this order.
from . import battery, differences, registering, lives, pairs, many, takeover, whole  # noqa: F401
from .node import Node

# As many at a time as a small machine takes without being late for reasons of its own.
AT_ONCE = 6


def main():
    store, program, directory, *settings = sys.argv[1:]
    settings = dict(setting.split("=", 1) for setting in settings)
    tally = battery.Tally(store)
    for line in differences.lines(store):
        print(f"{store}: by design: {line}", flush=True)
    os.makedirs(directory, exist_ok=True)
    nodes = [Node(program, store, directory, "one", settings)]
    if differences.of(store, "several servers"):
        nodes.append(Node(program, store, directory, "two", settings))
    try:
        for node in nodes:
            node.start()
        play(tally, *nodes, *[None] * (2 - len(nodes)))
        for node in nodes:
            tally.say(f"{node.name}: is there still, and has not panicked", node.process and node.process.poll() is None and not node.panicked())
    finally:
        for node in nodes:
            node.stop()
    print(f"{store}: {tally.passed} passed, {tally.failed} failed", flush=True)
    return 1 if tally.failed else 0


def play(tally, node, other):
    numbers = itertools.count(1)

    def scenes(stories):
        chosen = [function for function in stories if function.servers <= (2 if other else 1)]
        wanted = os.environ.get("STORIES", "").split()
        chosen = [function for function in chosen if not wanted or function.__name__ in wanted]
        return [battery.Scene(function, next(numbers), tally, node, other) for function in chosen]

    played = []
    for stories, at_once in ((battery.together, AT_ONCE), (battery.crowds, 1), (battery.alone, 1)):
        with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
            played += pool.map(battery.Scene.run, scenes(stories))
    slow = sorted(played, key=lambda one: -one.took)[:4]
    print(f"{tally.store}: longest: {', '.join(f'{one.name} {one.took:.1f} s' for one in slow)}", flush=True)


sys.exit(main())
