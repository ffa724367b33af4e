"""Registers many hosts, measures how soon a host is seen at another node, lets many hosts beat. See figures.sh.

Arguments: a verb, its numbers, and the nodes, each as HOST:PORT/DNS-PORT.
"""
import asyncio
import json
import random
import socket
import statistics
import struct
import sys
import time

BATCH = 500
PERIOD = 10.0
TTL = "300s"


class Wrong(Exception):
    """What must not be."""


class Connection:
    """HTTP, one request after the other."""

    def __init__(self, address):
        self.host, port = address.split(":")
        self.port = int(port)
        self.reader = self.writer = None

    async def call(self, method, path, body=None):
        """The status."""
        if self.writer is None:
            self.reader, self.writer = await asyncio.open_connection(self.host, self.port)
        payload = b"" if body is None else json.dumps(body).encode()
        self.writer.write(f"{method} {path} HTTP/1.1\r\nHost: {self.host}\r\nContent-Length: {len(payload)}\r\n\r\n".encode() + payload)
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        length = next((int(line.split(":")[1]) for line in head.lower().split("\r\n") if line.startswith("content-length:")), 0)
        self.body = await self.reader.readexactly(length)
        return int(head.split(" ")[1])


def address(number):
    return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


def host(number, beating):
    """Those that beat come first; the others have no lease."""
    lease = {"ttl": TTL} if number < beating else {}
    return {"service": f"s{number // 10}", "id": f"h{number}", "address": address(number), "port": 80, **lease}


async def fill(nodes, hosts, beating):
    """All hosts, in batches, at all nodes."""
    numbers, refused = iter(range(0, hosts, BATCH)), []

    async def work(node):
        connection = Connection(node)
        for first in numbers:
            body = {"hosts": [host(number, beating) for number in range(first, min(first + BATCH, hosts))]}
            while (status := await connection.call("POST", "/v1/hosts", body)) == 503 and len(refused) < 50:
                refused.append(connection.body)
                await asyncio.sleep(0.5)
            if status not in (200, 201):
                raise Wrong(f"{status} {connection.body[:300]!r}")

    begin = time.monotonic()
    await asyncio.gather(*(work(node) for node, _ in nodes))
    print(f"{hosts / (time.monotonic() - begin):.0f} a second" + (f", {len(refused)} calls refused: {refused[0][:200]!r}" if refused else ""))


def ask(resolver, name):
    """Whether there is an address of the name."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    number = random.getrandbits(16)
    resolver.send(struct.pack(">HHHHHH", number, 0, 1, 0, 0, 0) + labels + b"\0\0\1\0\1")
    while True:
        answer = resolver.recv(4096)
        if struct.unpack_from(">H", answer)[0] == number:
            return struct.unpack_from(">H", answer, 6)[0] > 0


async def visible(nodes, rounds):
    """From the call at a node until the DNS of another has it; and from the answer to the call."""
    connections = [Connection(node) for node, _ in nodes]
    resolvers = []
    for node, port in nodes:
        resolver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        resolver.connect((node.split(":")[0], port))
        resolver.settimeout(2.0)
        resolvers.append(resolver)
    calls, whole, after = [], [], []
    for number in range(rounds):
        one, other = random.sample(range(len(nodes)), 2)
        begin = time.monotonic()
        status = await connections[one].call("PUT", f"/v1/hosts/seen{number}/a", {"address": "10.255.0.1", "port": 80})
        done = time.monotonic()
        if status != 201:
            raise Wrong(f"{status} {connections[one].body[:300]!r}")
        while not ask(resolvers[other], f"seen{number}.service.local"):
            if time.monotonic() > done + 5:
                raise Wrong(f"seen{number} is not there after 5 s")
            time.sleep(0.0002)
        calls.append(done - begin)
        whole.append(time.monotonic() - begin)
        after.append(time.monotonic() - done)
        if await connections[one].call("DELETE", f"/v1/hosts/seen{number}/a") != 204:
            raise Wrong(f"seen{number} was not deregistered")
    print(f"p50 {centile(whole, 50)} ms, p99 {centile(whole, 99)} ms from the call on (the call itself p50 {centile(calls, 50)} ms,"
          f" p99 {centile(calls, 99)}; from its answer on p50 {centile(after, 50)}, p99 {centile(after, 99)})")


def centile(values, which):
    return f"{statistics.quantiles(values, n=100)[which - 1] * 1000:.1f}"


async def beat(nodes, beating, seconds):
    """Each host once in ten seconds, at any node."""
    workers = 24
    times, refused = [], []

    async def work(worker):
        connections = [Connection(node) for node, _ in nodes]
        mine = range(worker, beating, workers)
        begin = time.monotonic()
        for turn in range(int(len(mine) * seconds / PERIOD)):
            number = mine[turn % len(mine)]
            await asyncio.sleep(begin + turn * PERIOD / len(mine) - time.monotonic())
            connection, start = random.choice(connections), time.monotonic()
            status = await connection.call("POST", f"/v1/hosts/s{number // 10}/h{number}/renew")
            times.append(time.monotonic() - start)
            if status != 200:
                refused.append(f"h{number}: {status}")

    begin = time.monotonic()
    await asyncio.gather(*(work(worker) for worker in range(workers)))
    if refused:
        raise Wrong(f"{len(refused)} refused: {refused[:5]}")
    print(f"{len(times) / (time.monotonic() - begin):.0f} renewals a second, p50 {centile(times, 50)} ms, p99 {centile(times, 99)} ms")


def main():
    verb, *numbers = [each for each in sys.argv[1:] if "/" not in each]
    nodes = [(each.split("/")[0], int(each.split("/")[1])) for each in sys.argv[1:] if "/" in each]
    try:
        asyncio.run({"fill": fill, "visible": visible, "beat": beat}[verb](nodes, *map(int, numbers)))
    except (Wrong, OSError, asyncio.IncompleteReadError) as error:
        sys.exit(f"{type(error).__name__} {error}")


main()
