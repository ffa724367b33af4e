"""One set of hosts in every server's form, and the questions about it.

NAME.service.local has ten A records and ten SRV records, whose targets have an A record each: the names that rollcall
makes of its hosts, so that all answer alike. Made once for a size, in the build directory.
"""

import json
import random
import shutil

from .settings import WORK, say

QUESTIONS = 100_000
FIRST_ADDRESS = 10 << 24 | 1
PORT = 8080


class Data:
    """The files of a size."""

    def __init__(self, services, hosts):
        self.services, self.hosts = services, hosts
        self.folder = WORK / f"data-{services}x{hosts}"

    def path(self, name):
        return self.folder / name

    @property
    def zone(self):
        return self.path("service.local.zone")

    def make(self):
        if self.folder.exists():
            return self
        say(f"making the data of {self.services} services of {self.hosts} hosts")
        unfinished = self.folder.with_suffix(".new")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        self._write_zone(unfinished / "service.local.zone")
        self._write_questions(unfinished)
        unfinished.rename(self.folder)
        return self

    def rows(self):
        """Service, host, address of each host."""
        for service in range(self.services):
            for host in range(self.hosts):
                yield name(service), f"host-{host}", address(service * self.hosts + host)

    def _write_zone(self, path):
        with open(path, "w", buffering=1 << 20) as zone:
            zone.write(
                "$ORIGIN service.local.\n$TTL 5\n@ IN SOA ns hostmaster 1 4h 1h 1w 5\n@ IN NS ns\nns IN A 127.0.0.1\n"
            )
            for service, _, at in self.rows():
                target = target_of(at)
                zone.write(f"{service} IN A {at}\n{service} IN SRV 0 1 {PORT} {target}\n{target} IN A {at}\n")

    def _write_questions(self, folder):
        draw = random.Random(1)
        files = {kind: open(folder / f"q-{kind}", "w") for kind in ("mix", "a", "nodata", "nxdomain")}
        for number in range(QUESTIONS):
            service = name(draw.randrange(self.services))
            files["mix"].write(f"{service}.service.local {'SRV' if number % 2 else 'A'}\n")
            files["a"].write(f"{service}.service.local A\n")
            files["nodata"].write(f"{service}.service.local AAAA\n")
            files["nxdomain"].write(f"no-{draw.randrange(10 ** 6):06d}.service.local A\n")
        for file in files.values():
            file.close()


def name(service):
    return f"svc-{service:06d}"


def address(number):
    number += FIRST_ADDRESS
    return ".".join(str(number >> shift & 255) for shift in (24, 16, 8, 0))


def target_of(at):
    """The name that rollcall gives an address: its octets as hexadecimal digits."""
    return "".join(f"{int(octet):02x}" for octet in at.split(".")) + ".addr"


def single(service, host, at, port=PORT):
    """One registration with rollcall, as a line for the generator."""
    return f'PUT /v1/hosts/{service}/{host} {{"address":"{at}","port":{port},"ttl":"24h"}}\n'


def batch(rows):
    """Many of them in one request."""
    hosts = [{"service": s, "id": h, "address": at, "port": PORT, "ttl": "24h"} for s, h, at in rows]
    return "POST /v1/hosts " + json.dumps({"hosts": hosts}, separators=(",", ":")) + "\n"


def floor(service, host, at):
    """One registration with the floor."""
    return f'POST /v1/register {{"service":"{service}","host":"{host}","ip":"{at}","port":{PORT}}}\n'


def in_batches(rows, size=100):
    pile = []
    for row in rows:
        pile.append(row)
        if len(pile) == size:
            yield pile
            pile = []
    if pile:
        yield pile
