"""blacksmith finds services by Consul, asynchronously and not. Argument: the port of HTTP. Prints a line a test: `ok` and
its title, or `FAILED`, the title and the reason."""
import asyncio
import sys

import httpx
from blacksmith import AsyncConsulDiscovery, SyncConsulDiscovery

BASE = f"http://127.0.0.1:{sys.argv[1]}/v1"


def test(run):
    title = f"blacksmith: {run.__name__.replace('_', ' ')}"
    try:
        asyncio.run(run()) if asyncio.iscoroutinefunction(run) else run()
        print(f"ok {title}", flush=True)
    except Exception as error:  # pylint: disable=broad-exception-caught
        print(f"FAILED {title}: {type(error).__name__} {error}".replace("\n", " ")[:600], flush=True)


def register(name, number, **more):
    body = {"ID": f"{name}-{number}", "Name": name, "Port": 8080 + number, **more}
    httpx.put(f"{BASE}/agent/service/register", json=body).raise_for_status()


def seen(endpoint, times=40):
    return {endpoint() for _ in range(times)}


@test
def nobody_has_the_service():
    discovery = SyncConsulDiscovery(addr=BASE)
    try:
        discovery.get_endpoint("nobody", "v1")
    except Exception as error:  # pylint: disable=broad-exception-caught
        assert type(error).__name__ == "UnregisteredServiceException", repr(error)
        return
    raise AssertionError("no exception")


@test
def endpoints_of_a_version():
    register("notif-v2", 1, Address="10.0.0.1")
    register("notif-v2", 2, Address="10.0.0.2")
    discovery = SyncConsulDiscovery(addr=BASE)
    deadline = 100
    while len(found := seen(lambda: discovery.get_endpoint("notif", "v2"))) < 2 and deadline:
        deadline -= 1
    assert found == {"http://10.0.0.1:8081/v2", "http://10.0.0.2:8082/v2"}, found


@test
def a_service_without_a_version_at_the_address_of_its_node():
    register("cache", 1)
    register("cache", 2)
    discovery = SyncConsulDiscovery(addr=BASE, consul_token="a-token")
    found = seen(lambda: discovery.get_endpoint("cache", None))
    assert found == {"http://127.0.0.1:8081", "http://127.0.0.1:8082"}, found


@test
async def asynchronously():
    discovery = AsyncConsulDiscovery(addr=BASE)
    found = {await discovery.get_endpoint("notif", "v2") for _ in range(40)}
    assert found == {"http://10.0.0.1:8081/v2", "http://10.0.0.2:8082/v2"}, found


@test
def an_instance_that_left_is_not_found():
    httpx.put(f"{BASE}/agent/service/deregister/notif-v2-1").raise_for_status()
    discovery = SyncConsulDiscovery(addr=BASE)
    deadline = 100
    while len(found := seen(lambda: discovery.get_endpoint("notif", "v2"), 10)) > 1 and deadline:
        deadline -= 1
    assert found == {"http://10.0.0.2:8082/v2"}, found
