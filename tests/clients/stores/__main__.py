"""Tries a store: python3 -m stores STORE PROGRAM DIRECTORY [NAME=VALUE]... (settings that say where the store is)."""
import concurrent.futures
import itertools
import os
import sys

from . import battery, differences, lives, many, pairs, registering, takeover, whole  # noqa: F401 (they list their stories)
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

    def scene(function):
        return battery.Scene(function, next(numbers), tally, node, other)

    scenes = [scene(function) for function in battery.together + (battery.of_two if other else [])]
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(battery.Scene.run, scenes))
    slow = sorted(scenes, key=lambda one: -one.took)[:3]
    print(f"{tally.store}: longest: {', '.join(f'{one.name} {one.took:.1f} s' for one in slow)}", flush=True)
    if other:
        scene(takeover.equal).run()
    for function in battery.alone:
        scene(function).run()
    if other:
        scene(takeover.takeover).run()
        scene(takeover.equal).run()


sys.exit(main())
