"""What documentation says how to use Consul, done as it says: the classes in snippets/ are as they were printed, the
provider is what its page describes. Prints a line a test: `ok` and its title, or `FAILED`, the title and the reason.

Arguments: the ports of HTTP, which is 8500 as the snippets have it, and DNS. AGAINST=consul: a real Consul puts the check
of the node first, which always passes, so that the snippets take every instance for a healthy one; rollcall puts the
worst check first.
"""
import asyncio
import http.server
import os
import socket
import sys
import threading
import time
import types

import consul
import consul.aio
import dns.resolver

HTTP_PORT, DNS_PORT = int(sys.argv[1]), int(sys.argv[2])
REAL = os.environ.get("AGAINST", "rollcall") == "consul"
HOST = socket.gethostname()


class DiscoveryClient:
    """What the framework's class of this name has, as its documentation says."""

    def __init__(self, host: str, port: int):
        self.host, self.port, self.route = host, port, f"http://{host}:{port}"


# The framework itself is not for every Python; ../minos.sh has it.
networks = types.ModuleType("minos.networks")
networks.DiscoveryClient = DiscoveryClient
sys.modules.update({"minos": types.ModuleType("minos"), "minos.networks": networks})
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "snippets"))
import minos_document  # noqa: E402  pylint: disable=wrong-import-position
import patterns_client  # noqa: E402  pylint: disable=wrong-import-position
import patterns_registry  # noqa: E402  pylint: disable=wrong-import-position


class ServiceNotFoundError(Exception):
    """What the snippet raises and does not define."""


patterns_client.ServiceNotFoundError = ServiceNotFoundError


class ConsulDiscoveryProvider:
    """The provider of a platform whose page describes it: three calls, handed on to an asynchronous client of Consul."""

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
        return [{"id": each["Service"]["ID"], "address": each["Service"]["Address"], "port": each["Service"]["Port"]}
                for each in found]


# ---- tests ----


def test(run):
    """Runs a function as a test with its name as the title."""
    title = f"snippets: {run.__name__.replace('_', ' ')}"
    try:
        asyncio.run(run()) if asyncio.iscoroutinefunction(run) else run()
        print(f"ok {title}", flush=True)
    except Exception as error:  # pylint: disable=broad-exception-caught
        print(f"FAILED {title}: {type(error).__name__} {error}".replace("\n", " ")[:600], flush=True)


def same(found, expected):
    assert found == expected, f"expected {expected!r}, found {found!r}"


def shows(find, expected, seconds):
    deadline = time.monotonic() + seconds
    while (found := find()) != expected and time.monotonic() < deadline:
        time.sleep(0.05)
    same(found, expected)


def addresses(name):
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers, resolver.port = ["127.0.0.1"], DNS_PORT
    try:
        return sorted(each.address for each in resolver.resolve(name, "A"))
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer) as error:
        return type(error).__name__


class Instance:
    """An instance of a service, which has a /health."""

    def __init__(self):
        self.healthy, self.paths, instance = True, [], self

        class Handler(http.server.BaseHTTPRequestHandler):
            """Answers with the health of the instance."""

            def do_GET(self):  # pylint: disable=invalid-name
                instance.paths.append(self.path)
                self.send_response(200 if instance.healthy else 503)
                self.end_headers()

            def log_message(self, *_):  # pylint: disable=arguments-differ
                pass

        server = http.server.ThreadingHTTPServer(("0.0.0.0", 0), Handler)
        self.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, daemon=True).start()


one, two = Instance(), Instance()
ports = sorted([one.port, two.port])
registry = patterns_registry.ConsulServiceRegistry()
# A check asks every 10 s; a real Consul asks first after up to as long.
PROBE_SECONDS = 11


def discovered(service):
    return sorted(each["port"] for each in registry.discover(service))


@test
def nothing_is_discovered():
    same(registry.discover("orders"), [])
    try:
        patterns_client.ClientSideDiscovery().get_service("orders")
    except ServiceNotFoundError:
        return
    raise AssertionError("no ServiceNotFoundError")


@test
def two_instances_register():
    for port in ports:
        registry.register("orders", port)
    shows(lambda: discovered("orders"), ports, PROBE_SECONDS)
    same(sorted(registry.discover("orders"), key=lambda each: each["port"])[0],
         {"address": HOST, "port": ports[0], "tags": ["microservice", "v1"]})


@test
def a_url_of_an_instance():
    url = patterns_client.ClientSideDiscovery().get_service("orders")
    assert url in [f"http://{HOST}:{port}" for port in ports], url


@test
def their_health_was_asked():
    shows(lambda: [each["Service"]["Port"] for each in registry.consul.health.service("orders", passing=True)[1]],
          ports, PROBE_SECONDS)
    assert "/health" in one.paths and "/health" in two.paths


@test
def a_host_name_has_an_address_in_dns():
    if not REAL:
        shows(lambda: addresses("orders.service.consul"), [socket.gethostbyname(HOST)], 3)


@test
def an_instance_that_is_ill_is_left():
    two.healthy = False
    healthy = [one.port]
    shows(lambda: [each["Service"]["Port"] for each in registry.consul.health.service("orders", passing=True)[1]],
          healthy, PROBE_SECONDS)
    same(discovered("orders"), ports if REAL else healthy)
    if not REAL:
        same(patterns_client.ClientSideDiscovery().get_service("orders"), f"http://{HOST}:{one.port}")


@test
def they_leave():
    for port in ports:
        registry.deregister(f"orders-{HOST}-{port}")
    shows(lambda: discovered("orders"), [], 3 if REAL else 0)


@test
async def the_client_in_the_framework_s_documentation():
    client = minos_document.ConsulDiscoveryClient(host="127.0.0.1", port=HTTP_PORT)
    endpoints = [{"path": "/users", "method": "GET"}, {"path": "/users/{id}", "method": "POST"}]
    # It leaves by the address of the server, and so only what registered with that.
    for host, port in (("127.0.0.1", HTTP_PORT), ("127.0.0.1", one.port)):
        await client.subscribe(host=host, port=port, name="user-service", endpoints=endpoints)
    ids = {f"user-service-127.0.0.1-{each}" for each in (HTTP_PORT, one.port)}
    services = registry.consul.agent.services()
    assert ids.issubset(services), services
    same(services[f"user-service-127.0.0.1-{one.port}"]["Tags"], ["/users", "/users/{id}"])
    shows(lambda: [each["Service"]["Port"] for each in registry.consul.health.service("user-service", passing=True)[1]
                   if each["Service"]["Port"] == one.port], [one.port], PROBE_SECONDS)
    await client.unsubscribe("user-service")
    shows(lambda: [each["ServicePort"] for each in registry.consul.catalog.service("user-service")[1]], [one.port],
          3 if REAL else 0)
    try:
        await client.unsubscribe("user-service")
        raise AssertionError("it left twice")
    except Exception as error:  # pylint: disable=broad-exception-caught
        same(str(error), "Failed to unregister service: 404")
    registry.deregister(f"user-service-127.0.0.1-{one.port}")


@test
async def the_provider_that_a_page_describes():
    client = consul.aio.Consul(host="127.0.0.1", port=HTTP_PORT)
    try:
        assert await client.status.leader()
        provider = ConsulDiscoveryProvider(client)
        health = {"http": f"http://127.0.0.1:{one.port}/health", "interval": "1s"}
        assert await provider.register("user-service", "a", 1, address="127.0.3.1", tags=["x"], health_check=health)
        assert await provider.register("user-service", "b", 2, address="10.0.0.2", health_check={"ttl": "30s"})
        assert await provider.register("user-service", "c", 3, address="127.0.3.3",
                                       health_check={"tcp": f"127.0.0.1:{one.port}", "interval": "1s"})
        assert await provider.register("user-service", "d", 4)
        assert await client.agent.check.ttl_pass("service:b")
        deadline = time.monotonic() + 5
        while len(found := await provider.discover("user-service")) < 4 and time.monotonic() < deadline:
            await asyncio.sleep(0.05)
        same([(each["id"], each["address"], each["port"]) for each in found],
             [("a", "127.0.3.1", 1), ("b", "10.0.0.2", 2), ("c", "127.0.3.3", 3), ("d", "", 4)])
        index, _ = await client.health.service("user-service")
        waiting = asyncio.ensure_future(client.health.service("user-service", index=index, wait="10s"))
        await asyncio.sleep(0.2)
        assert await client.agent.check.ttl_fail("service:b")
        after, _ = await waiting
        assert int(after) > int(index), (index, after)
        same(sorted(each["id"] for each in await provider.discover("user-service")), ["a", "c", "d"])
        for each in "abcd":
            assert await provider.deregister(each)
        await asyncio.sleep(1 if REAL else 0)
        same(await provider.discover("user-service"), [])
    finally:
        await client.close()
