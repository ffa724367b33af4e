"""What services of minos do by hand with the framework's client. Prints a line a test: `ok` and its title, or `FAILED`, the
title and the reason. Arguments: host and port of the server, the address of this machine and its name, the interval of
checks in seconds.
"""
import asyncio
import sys
import time
from contextlib import asynccontextmanager, redirect_stdout
from types import SimpleNamespace
from urllib.parse import quote

import dns.resolver
from aiohttp import ClientSession, web
from minos.networks import DiscoveryConnector
from minos.plugins.minos_discovery import MinosDiscoveryClient

from dynamic_document import DynamicDiscoveryService

HOST, PORT, ADDRESS, NAME, INTERVAL_SECONDS = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4], float(sys.argv[5])
BASE = f"http://{HOST}:{PORT}"
# Its client has no end of its own.
PATIENCE_SECONDS = 10


def test(run):
    """Runs a function as a test with its name as the title."""
    title = f"minos: {run.__name__.replace('_', ' ')}"
    try:
        with redirect_stdout(sys.stderr):
            asyncio.run(asyncio.wait_for(run(), PATIENCE_SECONDS))
        print(f"ok {title}", flush=True)
    except Exception as error:  # pylint: disable=broad-exception-caught
        print(f"FAILED {title}: {type(error).__name__} {error}".replace("\n", " ")[:600], flush=True)


def same(found, expected):
    assert found == expected, f"expected {expected!r}, found {found!r}"


def client():
    return MinosDiscoveryClient(HOST, PORT)


async def get(path):
    async with ClientSession() as session, session.get(f"{BASE}{path}") as response:
        return response.status, await response.json(content_type=None) if response.ok else await response.text()


async def found(verb, path):
    """Where a look-up of the gateway leads to; its status where to none."""
    status, answer = await get(f"/microservices?verb={verb}&path={quote(path)}")
    return f"{answer['address']}:{answer['port']}" if status == 200 else status


def addresses(name):
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers = [HOST]
    return [each.address for each in resolver.resolve(name, "A")]


async def hosts(service):
    """The ids of the healthy hosts of a service."""
    _, answer = await get(f"/v1/hosts/{service}?passing=true")
    return [each["id"] for each in answer["hosts"]]


@asynccontextmanager
async def listening():
    """Answers 404 to everything, at the port of this machine that the tests register."""
    runner = web.AppRunner(web.Application())
    await runner.setup()
    try:
        await web.TCPSite(runner, "0.0.0.0", 9001).start()
        yield
    finally:
        await runner.cleanup()


def endpoint(method, path):
    """As the framework's connector has it, and as its documentation has it."""
    return {"method": method, "url": path, "path": path}


@test
async def an_unknown_name_is_unsubscribed_at_once():
    start = time.monotonic()
    await client().unsubscribe("Nobody")
    await client().unsubscribe("No Body")
    assert time.monotonic() - start < 1, time.monotonic() - start


@test
async def a_host_that_listens_everywhere_is_where_it_calls_from():
    async with listening():
        await client().subscribe("0.0.0.0", 9001, "Everywhere", [endpoint("GET", "/everywhere")])
        same(await found("GET", "/everywhere"), f"{ADDRESS}:9001")
        await client().unsubscribe("Everywhere")
        same(await found("GET", "/everywhere"), 404)


@test
async def a_host_by_its_name():
    async with listening():
        await client().subscribe(NAME, 9001, "Named", [endpoint("GET", "/named")])
        same(await found("GET", "/named"), f"{NAME}:9001")
        same(addresses("named.service.local"), [ADDRESS])
        await client().unsubscribe("Named")
        same(await hosts("Named"), [])


@test
async def a_host_without_the_path_of_its_check_is_alive():
    async with listening():
        await client().subscribe(ADDRESS, 9001, "Plain", [])
        await asyncio.sleep(2.5 * INTERVAL_SECONDS)
        _, answer = await get("/v1/hosts/Plain")
        check = answer["hosts"][0]["checks"][0]
        same((check["status"], "404" in check["output"]), ("passing", True))
        same(await hosts("Plain"), [f"{ADDRESS}:9001"])
        await client().unsubscribe("Plain")


@test
async def who_subscribes_again_has_its_last_endpoints():
    async with listening():
        connector = DiscoveryConnector(client(), "Again", [endpoint("GET", "/old")], ADDRESS, 9001)
        await connector.subscribe()
        same(await found("GET", "/old"), f"{ADDRESS}:9001")
        connector.endpoints = [endpoint("GET", "/new/{uuid}"), endpoint("GET", "/new/me")]
        await connector.subscribe()
        same((await found("GET", "/old"), await found("GET", "/new/1")), (404, f"{ADDRESS}:9001"))
        same((await found("POST", "/new/1"), await found("get", "/new/1"), await found("GET", "/new/1/2")), (404, 404, 404))
        same(await hosts("Again"), [f"{ADDRESS}:9001"])
        await connector.unsubscribe()
        same(await hosts("Again"), [])


@test
async def setup_and_destroy_of_a_connector():
    async with listening():
        async with DiscoveryConnector(client(), "Short", [endpoint("GET", "/short")], ADDRESS, 9001):
            same(await found("GET", "/short"), f"{ADDRESS}:9001")
        same(await found("GET", "/short"), 404)


class Dynamic(DynamicDiscoveryService):
    """The document's, but for its client: it makes an abstract one."""

    def _create_client(self):
        return client()


@test
async def endpoints_that_come_and_go():
    async with listening():
        dynamic = Dynamic(SimpleNamespace(service=SimpleNamespace(host=ADDRESS, port=9001)))
        here = f"{ADDRESS}:9001"

        async def answers():
            users = await found("GET", "/api/v1/users"), await found("POST", "/api/v1/users")
            return *users, await found("GET", "/api/v1/posts")

        await dynamic.register_service("api-service", [endpoint("GET", "/api/v1/users")])
        same(await answers(), (here, 404, 404))
        await dynamic.add_endpoint(endpoint("POST", "/api/v1/users"))
        await dynamic.add_endpoint(endpoint("GET", "/api/v1/posts"))
        same(await answers(), (here, here, here))
        await dynamic.remove_endpoint("/api/v1/posts", "GET")
        same(await answers(), (here, here, 404))
        same(await hosts("api-service"), [here])
        await dynamic.unregister_service()
        same(await answers(), (404, 404, 404))
