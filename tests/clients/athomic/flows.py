"""The discovery of athomic: a provider with the three calls of its protocol, which hands them on to an asynchronous client of
Consul, as the pages of the platform describe it; they are all there is of it in public. Prints a line a test: `ok` and its
title, or `FAILED`, the title and the reason.

Arguments: the name of the client, the ports of HTTP and DNS, `before` or `after` a new start of the server, and a file that
is kept in between.
"""
import asyncio
import hashlib
import http.server
import json
import random
import sys
import threading
import time
import urllib.request
from pathlib import Path

import consul
import consul.aio
import dns.resolver

CLIENT, HTTP_PORT, DNS_PORT, MOMENT, RING = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], Path(sys.argv[5])
PATIENCE_SECONDS = 5


class ConsulDiscoveryProvider:
    """The provider, with the parameters that its page has."""

    def __init__(self, consul_client):
        self.consul_client = consul_client

    async def register(self, name, service_id, port, address=None, tags=None, health_check=None) -> bool:
        return await self.consul_client.agent.service.register(
            name, service_id=service_id, address=address, port=port, tags=tags, check=health_check
        )

    async def deregister(self, service_id) -> bool:
        return await self.consul_client.agent.service.deregister(service_id)

    async def discover(self, name) -> list:
        _, found = await self.consul_client.health.service(name, passing=True)
        return [{"id": each["Service"]["ID"], "address": each["Service"]["Address"] or each["Node"]["Address"],
                 "port": each["Service"]["Port"], "tags": each["Service"]["Tags"]} for each in found]


class Ring:
    """Who has which part of the work: the next of a hundred points that each member has on a ring."""

    def __init__(self, members):
        spots = [(self.place(f"{each['id']}#{number}"), each["id"]) for each in members for number in range(100)]
        self.spots = sorted(spots)

    @staticmethod
    def place(text):
        return hashlib.sha256(text.encode()).hexdigest()

    def owner(self, key):
        place = self.place(key)
        return next((member for spot, member in self.spots if spot >= place), self.spots[0][1])

    def owners(self):
        return {f"key-{number}": self.owner(f"key-{number}") for number in range(300)}


# ---- tests ----


def test(run):
    """Runs a function as a test with its name as the title."""
    title = f"athomic, {CLIENT}: {run.__name__.replace('_', ' ')}"

    async def with_client():
        client = consul.aio.Consul(host="127.0.0.1", port=HTTP_PORT)
        try:
            await asyncio.wait_for(run(ConsulDiscoveryProvider(client), client), 30)
        finally:
            if hasattr(client, "close"):
                await client.close()

    try:
        asyncio.run(with_client())
        print(f"ok {title}", flush=True)
    except Exception as error:  # pylint: disable=broad-exception-caught
        print(f"FAILED {title}: {type(error).__name__} {error}".replace("\n", " ")[:600], flush=True)


def same(found, expected):
    assert found == expected, f"expected {expected!r}, found {found!r}"


async def soon(find, expected):
    """What `find` gives is as expected, as soon as a check may take."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (found := await find()) != expected and time.monotonic() < deadline:
        await asyncio.sleep(0.05)
    same(found, expected)


def addresses(name):
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers, resolver.port = ["127.0.0.1"], DNS_PORT
    try:
        return sorted(each.address for each in resolver.resolve(name, "A"))
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []


def get(path):
    with urllib.request.urlopen(f"http://127.0.0.1:{HTTP_PORT}{path}", timeout=5) as answer:
        return json.load(answer)


def views(name):
    """The addresses of the healthy hosts of a service, as other systems see them."""
    return {
        "DNS": addresses(f"{name}.service.local"),
        "Consul's names": addresses(f"{name}.service.consul"),
        "Kubernetes' names": addresses(f"{name}.default.svc.cluster.local"),
        "native": sorted(each["addresses"][0] for each in get(f"/v1/hosts/{name}?passing=true")["hosts"]),
        "Lyft": sorted(each["ip_address"] for each in get(f"/v1/registration/{name}")["hosts"]),
        "minos": sorted(each["address"] for each in get("/endpoints") if each["name"] == name and each["status"]),
    }


def everywhere(expected):
    return dict.fromkeys(["DNS", "Consul's names", "Kubernetes' names", "native", "Lyft", "minos"], expected)


class Instance:
    """An instance of a service, with an HTTP server. Checks ask the loopback of the server's machine only for hosts that are
    registered there, so these have addresses on it."""

    def __init__(self):
        self.status, instance = 200, self

        class Handler(http.server.BaseHTTPRequestHandler):
            """Answers with the status of the instance."""

            def do_GET(self):  # pylint: disable=invalid-name
                self.send_response(instance.status)
                self.end_headers()

            def log_message(self, *_):  # pylint: disable=arguments-differ
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


def members():
    return [f"worker-{number}" for number in range(5)]


async def ring(provider):
    return Ring(await provider.discover("worker")).owners()


# ---- before a new start of the server ----

if MOMENT == "before":
    over_http, over_tcp = Instance(), Instance()

    @test
    async def the_cluster_has_a_leader(_, client):
        leader = await client.status.leader()
        assert isinstance(leader, str) and ":" in leader, leader

    @test
    async def nobody_is_discovered(provider, _):
        same(await provider.discover("nobody"), [])

    @test
    async def a_key_that_is_not_there(_, client):
        index, found = await client.kv.get("athomic/settings/log_level")
        assert found is None and int(index) > 0, (index, found)
        index, found = await client.kv.get("athomic/settings/", recurse=True)
        assert found is None and int(index) > 0, (index, found)

    @test
    async def an_instance_by_http(provider, _):
        check = consul.Check.http(f"http://127.0.0.1:{over_http.port}/health", "200ms", timeout="1s")
        assert await provider.register("user-service", "http-1", 8001, "127.0.3.1", ["v1"], check)
        await soon(lambda: provider.discover("user-service"),
                   [{"id": "http-1", "address": "127.0.3.1", "port": 8001, "tags": ["v1"]}])

    @test
    async def an_instance_by_tcp(provider, _):
        check = consul.Check.tcp("127.0.0.1", over_tcp.port, "200ms")
        assert await provider.register("user-service", "tcp-1", 8002, "127.0.3.2", health_check=check)

        async def found():
            return sorted(each["id"] for each in await provider.discover("user-service"))

        await soon(found, ["http-1", "tcp-1"])

    @test
    async def an_instance_by_ttl(provider, client):
        assert await provider.register("user-service", "ttl-1", 8003, "127.0.3.3", health_check=consul.Check.ttl("30s"))
        same(len(await provider.discover("user-service")), 2)
        assert await client.agent.check.ttl_pass("service:ttl-1")
        found = await provider.discover("user-service")
        same(sorted(each["id"] for each in found), ["http-1", "tcp-1", "ttl-1"])

    @test
    async def every_other_system_finds_them(_, __):
        same(views("user-service"), everywhere(["127.0.3.1", "127.0.3.2", "127.0.3.3"]))
        same(addresses("v1.user-service.service.local"), ["127.0.3.1"])

    @test
    async def who_is_ill_is_left_out(provider, client):
        async def found():
            return sorted(each["id"] for each in await provider.discover("user-service"))

        over_http.status = 503
        await soon(found, ["tcp-1", "ttl-1"])
        same(views("user-service"), everywhere(["127.0.3.2", "127.0.3.3"]))
        over_tcp.stop()
        await soon(found, ["ttl-1"])
        same(views("user-service"), everywhere(["127.0.3.3"]))
        assert await client.agent.check.ttl_fail("service:ttl-1")
        same((await found(), views("user-service")), ([], everywhere([])))
        over_http.status = 200
        await soon(found, ["http-1"])
        same(views("user-service"), everywhere(["127.0.3.1"]))

    @test
    async def who_deregisters_is_gone(provider, client):
        assert await client.agent.check.ttl_pass("service:ttl-1")
        assert await provider.deregister("ttl-1")
        same([each["id"] for each in await provider.discover("user-service")], ["http-1"])
        for each in "http-1", "tcp-1":
            assert await provider.deregister(each)
        same((await provider.discover("user-service"), views("user-service")), ([], everywhere([])))

    @test
    async def a_ring_of_workers(provider, client):
        rings = []
        for _ in range(3):
            for each in random.sample(members(), 5):
                assert await provider.register("worker", each, 9000, f"10.0.1.{each[-1]}",
                                               health_check=consul.Check.ttl("600s"))
                assert await client.agent.check.ttl_pass(f"service:{each}")
            same(sorted(each["id"] for each in await provider.discover("worker")), members())
            rings.append(await ring(provider))
        assert rings[0] == rings[1] == rings[2], "it depends on the order"
        same(set(rings[0].values()), set(members()))
        RING.write_text(json.dumps(rings[0]), "utf-8")

# ---- after it ----

if MOMENT == "after":

    @test
    async def the_ring_is_the_same(provider, _):
        same(sorted(each["id"] for each in await provider.discover("worker")), members())
        assert await ring(provider) == json.loads(RING.read_text("utf-8"))
        same(views("worker"), everywhere([f"10.0.1.{number}" for number in range(5)]))

    @test
    async def one_that_leaves_gives_away_its_part_alone(provider, _):
        before = await ring(provider)
        assert await provider.deregister("worker-2")
        after = await ring(provider)
        moved = {key for key in before if before[key] != after[key]}
        same(moved, {key for key in before if before[key] == "worker-2"})
