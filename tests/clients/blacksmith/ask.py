"""Makes requests with blacksmith, and prints which hosts answered, or how it failed, each once. Arguments: the discovery, the
service, its version or `none`, and the number of requests; half of them are asynchronous.

The discovery is `router`, which asks http://router/, or `static` and the URL of the service.
"""
import asyncio
import sys

from blacksmith import (
    AsyncClientFactory,
    AsyncRouterDiscovery,
    AsyncStaticDiscovery,
    PathInfoField,
    Request,
    Response,
    SyncClientFactory,
    SyncRouterDiscovery,
    SyncStaticDiscovery,
    register,
)

DISCOVERY, SERVICE, VERSION, TIMES = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
VERSION = None if VERSION == "none" else VERSION


class GetItem(Request):
    """A request for an item of a service."""

    name: str = PathInfoField()


class Item(Response):
    """Every host answers with its address, and the path that it was asked for."""

    host: str
    path: str


register("api", "items", SERVICE, VERSION, path="/items/{name}", contract={"GET": (GetItem, Item)})


def discovery(router, static):
    return router() if DISCOVERY == "router" else static({(SERVICE, VERSION): DISCOVERY.removeprefix("static=")})


def shown(result):
    """The host of an answer."""
    if result.is_err():
        error = result.unwrap_err()
        return str(error.status_code)
    item = result.unwrap()
    expected = f"/{VERSION}/items/one" if VERSION else "/items/one"
    return item.host if item.path == expected else f"{item.host} was asked for {item.path}"


def synchronously(times):
    api = SyncClientFactory(discovery(SyncRouterDiscovery, SyncStaticDiscovery))("api")
    return [shown(api.items.get({"name": "one"})) for _ in range(times)]


async def asynchronously(times):
    client = await AsyncClientFactory(discovery(AsyncRouterDiscovery, AsyncStaticDiscovery))("api")
    return [shown(await client.items.get({"name": "one"})) for _ in range(times)]


try:
    print(*sorted({*synchronously(TIMES // 2), *asyncio.run(asynchronously(TIMES - TIMES // 2))}))
except Exception as failure:  # pylint: disable=broad-exception-caught
    print(type(failure).__name__, failure)
