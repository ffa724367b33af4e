"""What documentation says how to use etcd, done as it says, beside two nodes: the class in snippets/ is as it was printed.
Prints a line a test: `ok` and its title, or `FAILED`, the title and the reason.

Arguments: the version of etcd, for the titles, then the URL and the port of DNS of each node. What the class takes for granted
and does not import is given to it from here.
"""
import asyncio
import datetime
import json
import os
import sys
import threading
import time
import urllib.error
import urllib.request

import dns.resolver
import etcd3

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "snippets"))
import patterns_etcd  # noqa: E402  pylint: disable=wrong-import-position

patterns_etcd.datetime = datetime.datetime
VERSION = sys.argv[1]
NODES = [(sys.argv[2], int(sys.argv[3])), (sys.argv[4], int(sys.argv[5]))]
TTL = 4


def test(run):
    """Runs a function as a test with its name as the title."""
    title = f"{VERSION}: {run.__name__.replace('_', ' ')}"
    try:
        run()
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


def records(name, kind, port):
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers, resolver.port = ["127.0.0.1"], port
    try:
        return resolver.resolve(name, kind)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []


def addresses(name):
    """What each node says."""
    return [sorted(each.address for each in records(name, "A", port)) for _, port in NODES]


def ports(name):
    return [sorted(each.port for each in records(name, "SRV", port)) for _, port in NODES]


def both(*expected):
    return [sorted(expected)] * 2


def send(method, path, body=None, node=0):
    request = urllib.request.Request(NODES[node][0] + path, method=method, data=None if body is None else json.dumps(body).encode())
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            body = answer.read()
            return json.loads(body) if answer.headers.get_content_type() == "application/json" else body
    except urllib.error.HTTPError as error:
        return error.code


class Program(threading.Thread):
    """A program that registers itself with the class, and beats until it is told to crash."""

    def __init__(self, *arguments):
        super().__init__(daemon=True)
        self.arguments = arguments
        self.loop, self.task = asyncio.new_event_loop(), None
        self.start()

    def run(self):
        async def register():
            registry = patterns_etcd.EtcdServiceRegistry()
            self.task = asyncio.current_task()
            await registry.register(*self.arguments, ttl=TTL)

        try:
            self.loop.run_until_complete(register())
        except asyncio.CancelledError:
            pass

    def crash(self):
        self.loop.call_soon_threadsafe(self.task.cancel)
        self.join()


def registers_beats_and_expires():
    one = Program("shop", "shop-1", "10.0.0.1", 8080)
    two = Program("shop", "shop-2", "10.0.0.2", 8081)
    shows(lambda: addresses("shop.service.local"), both("10.0.0.1", "10.0.0.2"), 3)
    shows(lambda: ports("shop.service.local"), both(8080, 8081), 1)
    one.crash()
    time.sleep(TTL * 2.5)
    same(addresses("shop.service.local"), both("10.0.0.2"))
    same(sorted(each["id"] for each in send("GET", "/v1/hosts/shop")["hosts"]), ["shop-2"])
    two.crash()
    shows(lambda: addresses("shop.service.local"), both(), TTL * 2.5 + 2)


def is_in_every_api():
    program = Program("till", "till-1", "10.0.1.1", 8080)
    shows(lambda: addresses("till.service.local"), both("10.0.1.1"), 3)
    for node in (0, 1):
        same([each["ip_address"] for each in send("GET", "/v1/registration/till", node=node)["hosts"]], ["10.0.1.1"])
        same([each["Service"]["Address"] for each in send("GET", "/v1/health/service/till?passing", node=node)], ["10.0.1.1"])
        same(send("GET", "/api/v1/namespaces/default/endpoints/till", node=node)["subsets"][0]["addresses"][0]["ip"], "10.0.1.1")
        same([each["targets"] for each in send("GET", "/v1/prometheus/sd?service=till", node=node)], [["10.0.1.1:8080"]])
    program.crash()
    shows(lambda: addresses("till.service.local"), both(), TTL * 2.5 + 2)


def discovers_what_is_registered_by_other_apis():
    registry = patterns_etcd.EtcdServiceRegistry()
    send("PUT", "/v1/hosts/depot/native", {"address": "10.0.2.1", "port": 8080, "ttl": "4s"})
    send("PUT", "/v1/agent/service/register", {"Name": "depot", "ID": "depot-2", "Address": "10.0.2.2", "Port": 8081}, node=1)
    send("POST", "/microservices/depot", {"address": "10.0.2.3", "port": 8082, "endpoints": [["GET", "/"]]})

    def discovered():
        return sorted((each["host"], each["port"]) for each in registry.discover("depot"))

    shows(discovered, [("10.0.2.1", 8080), ("10.0.2.2", 8081), ("10.0.2.3", 8082)], 3)
    shows(lambda: addresses("depot.service.local"), both("10.0.2.1", "10.0.2.2", "10.0.2.3"), 1)
    send("PUT", "/v1/agent/service/deregister/depot-2", node=1)
    shows(discovered, [("10.0.2.1", 8080), ("10.0.2.3", 8082)], 3)
    # The lease of the first ends.
    shows(discovered, [("10.0.2.3", 8082)], 12)
    send("DELETE", "/microservices/depot")
    shows(discovered, [], 3)
    shows(lambda: addresses("depot.service.local"), both(), 3)


def watches_what_is_registered_by_other_apis():
    """The class hands its callback the pair that etcd3 gives, so its watch is used as it says, and its events as etcd3 says."""
    seen = []
    events, cancel = etcd3.client().watch_prefix("/services/watched/")
    watcher = threading.Thread(target=lambda: seen.extend((type(each).__name__, each.key.decode()) for each in events), daemon=True)
    watcher.start()
    send("PUT", "/v1/hosts/watched/a", {"address": "10.0.3.1", "port": 80})
    time.sleep(0.5)
    send("DELETE", "/v1/hosts/watched/a")
    time.sleep(1.0)
    cancel()
    watcher.join(2.0)
    same([kind for kind, _ in seen], ["PutEvent", "DeleteEvent"])


def leaves_when_its_key_is_deleted():
    client = etcd3.client()
    client.put("/services/gone/gone-1", json.dumps({"host": "10.0.4.1", "port": 80}))
    client.put("/services/gone/gone-2", json.dumps({"host": "10.0.4.2", "port": 80}))
    shows(lambda: addresses("gone.service.local"), both("10.0.4.1", "10.0.4.2"), 3)
    client.delete("/services/gone/gone-1")
    shows(lambda: addresses("gone.service.local"), both("10.0.4.2"), 3)
    client.put("/services/gone/gone-2", json.dumps({"host": "10.0.4.9", "port": 81}))
    shows(lambda: addresses("gone.service.local"), both("10.0.4.9"), 3)
    client.delete_prefix("/services/gone/")
    shows(lambda: addresses("gone.service.local"), both(), 3)


for each_test in (registers_beats_and_expires, is_in_every_api, discovers_what_is_registered_by_other_apis,
                  watches_what_is_registered_by_other_apis, leaves_when_its_key_is_deleted):
    test(each_test)
