"""What becomes of hosts: leases, checks, drains, weights, tags."""
import time

from .apis import TAGS
from .battery import story, together
from .wire import SRV, Checked, quoted


@story(together)
def leases(scene):
    node, service = scene.node, scene.service
    silent, beating = scene.address(), scene.address()
    late = scene.difference("seconds that a lease may end late")
    for ttl in (2, 3):
        node.call("PUT", f"/v1/hosts/{service}/beating", {"address": beating, "port": 80, "ttl": f"{ttl}s"})
        started = time.monotonic()
        scene.good(f"{ttl} s: a host comes", node.call("PUT", f"/v1/hosts/{service}/silent", {"address": silent, "port": 80, "ttl": f"{ttl}s"}).good)
        answered = time.monotonic()
        early = lost = touched = False
        while (now := time.monotonic()) < answered + ttl + late + 2:
            node.call("POST", f"/v1/hosts/{service}/beating/renew")
            if not touched and now > started + 1.2:
                # No heartbeats, though changes.
                touched = node.call("PUT", f"/v1/hosts/{service}/silent/weight", {"weight": ttl}).good
                touched = node.call("PUT", f"/v1/hosts/{service}/silent/health", {"status": "warning"}).good and touched
            found = node.addresses(service)
            lost = lost or beating not in found
            if silent not in found:
                early = time.monotonic() < started + ttl - 0.05
                break
            time.sleep(0.1)
        took = now - answered
        scene.good(f"{ttl} s: it stays for its TTL", not early, f"gone {took:.2f} s after the 2xx")
        scene.good(f"{ttl} s: it is gone soon after", took <= ttl + late, f"gone {took:.2f} s after the 2xx")
        scene.good(f"{ttl} s: it was weighed and reported", touched)
        scene.good(f"{ttl} s: who beats beside it stays", not lost)
        scene.same(f"{ttl} s: the list says so, too", [("native", "beating")], list(node.rows(service)))
        scene.status(f"{ttl} s: its heartbeat comes too late", 404, node.call("POST", f"/v1/hosts/{service}/silent/renew"))
        scene.status(f"{ttl} s: it registers again", 201, node.call("PUT", f"/v1/hosts/{service}/silent", {"address": silent, "port": 80}))
        scene.same(f"{ttl} s: and is back", sorted([silent, beating]), node.addresses(service))
        node.call("DELETE", f"/v1/hosts/{service}/silent")
    node.call("DELETE", f"/v1/hosts/{service}/beating")


@story(together)
def checks_with_a_ttl(scene):
    node, service = scene.node, scene.service
    address, late = scene.address(), scene.difference("seconds that a lease may end late")
    identity = f"{service}-1"

    def report(verb):
        reply = node.call("PUT", f"/v1/agent/check/{verb}/service:{identity}?note={verb}ed")
        scene.status(f"{verb} is taken", 200, reply)
        return node.addresses(service)

    def status():
        return (node.row(service, identity, "consul") or {}).get("status")

    node.call("PUT", "/v1/agent/service/register", {"Name": service, "ID": identity, "Address": address, "Port": 80, "Check": {"TTL": "2s"}})
    scene.same("it begins critical", ([], "critical"), (node.addresses(service), status()))
    scene.same("pass puts it into DNS", [address], report("pass"))
    started = time.monotonic()
    scene.within("it lapses", 2 + late, [], node.addresses, service)
    scene.good("not before its time", time.monotonic() - started > 1.8, time.monotonic() - started)
    scene.same("it is critical and registered", "critical", status())
    scene.same("it passes again", [address], report("pass"))
    scene.same("a warning stays in DNS", [address], report("warn"))
    scene.same("is seen", "warning", status())
    scene.same("and is no longer passing", [], node.json(f"/v1/health/service/{service}?passing"))
    scene.same("fail takes it out", [], report("fail"))
    scene.same("its words are there", ["failed"], [check["Output"] for check in node.json(f"/v1/health/checks/{service}")])
    scene.same("it comes back", [address], report("pass"))
    node.call("PUT", f"/v1/agent/service/deregister/{identity}")
    scene.status("a report on what left", 404, node.call("PUT", f"/v1/agent/check/pass/service:{identity}"))


@story(together)
def flips(scene):
    """Reports as fast as they are answered: each is seen when its 2xx is there, whatever of the one before is still under way."""
    node, service, missed = scene.node, scene.service, []
    address = scene.address()
    node.call("PUT", f"/v1/hosts/{service}/a", {"address": address, "port": 80, "ttl": "20s", "checks": [{"id": "alive", "ttl": "20s"}]})
    for turn in range(40):
        status = ("passing", "critical", "warning", "critical", "passing", "passing")[turn % 6]
        reply = node.call("PUT", f"/v1/hosts/{service}/a/health", {"check": "alive", "status": status})
        node.call("POST", f"/v1/hosts/{service}/a/renew")
        found = node.addresses(service)
        if not reply.good or found != ([] if status == "critical" else [address]):
            missed.append((turn, status, reply.status, found))
    scene.same("every report is seen at once", [], missed)
    node.call("DELETE", f"/v1/hosts/{service}/a")


@story(together)
def checks_by_the_server(scene):
    node, service, program = scene.node, scene.service, Checked()
    check = {"id": "up", "http": f"http://127.0.0.1:{program.port}/health", "interval": "1s", "timeout": "1s"}
    node.call("PUT", f"/v1/hosts/{service}/a", {"address": "127.0.0.1", "port": program.port, "checks": [check]})
    scene.within("a host that is well comes into DNS", 4, ["127.0.0.1"], node.addresses, service)
    before = node.row(service, "a")["revision"]
    time.sleep(1.3)
    scene.same("the same result is no change", before, node.row(service, "a")["revision"])
    program.status = 500
    scene.within("it fails and is out", 4, [], node.addresses, service)
    row = node.row(service, "a")
    scene.same("it is critical, and says why", ("critical", True), (row["status"], "500" in row["checks"][0]["output"]))
    scene.good("a flip is a change", row["revision"] > before)
    program.status = 200
    scene.within("it is well and back", 4, ["127.0.0.1"], node.addresses, service)
    node.call("DELETE", f"/v1/hosts/{service}/a")
    # Another server may be the one that asks.
    time.sleep(scene.difference("seconds until another server shows a write") or 0.5)
    asked = program.asked
    time.sleep(1.5)
    scene.same("who left is not asked", asked, program.asked)
    program.close()


@story(together)
def verbs(scene):
    node, service = scene.node, scene.service
    one, two = scene.address(), scene.address()
    node.call("PUT", f"/v1/hosts/{service}/a", {"address": one, "port": 80, "weight": 10, "tags": ["v1", "Blue"]})
    node.call("POST", f"/v1/registration/{service}", form={"ip": two, "port": 80, "revision": "x", "tags": TAGS})
    host, lyft = f"/v1/hosts/{service}/a", f"/v1/hosts/{service}/{two}"

    def weights():
        return {address: weight for _, weight, _, address in node.ask(f"{service}.service.local", SRV).services}

    def row(identity="a", origin="native"):
        return node.row(service, identity, origin) or {}

    revision = row()["revision"]
    for title, path, here, there in [("a native host", host, one, two), ("a host of Lyft's", f"{lyft}", two, one)]:
        scene.status(f"{title} is drained", 200, node.call("PUT", f"{path}/drain?origin={'native' if path == host else 'lyft'}", {"enable": True}))
        scene.same(f"{title}: it is out of DNS", [there], node.addresses(service))
        scene.same(f"{title}: a registration does not end that", [there], (
            node.call("PUT", host, {"address": one, "port": 80, "tags": ["v1", "Blue"]}) if path == host
            else node.call("POST", f"/v1/registration/{service}", form={"ip": two, "port": 80, "revision": "x", "tags": TAGS})) and node.addresses(service))
        scene.status(f"{title}: the drain ends", 200, node.call("PUT", f"{path}/drain?origin={'native' if path == host else 'lyft'}", {"enable": False}))
        scene.same(f"{title}: it is back", sorted([here, there]), node.addresses(service))
    scene.good("a drain is a change", row()["revision"] > revision)
    scene.same("a registration that names no weight keeps it", 10, row()["weight"])
    scene.status("a weight", 200, node.call("PUT", f"{host}/weight", {"weight": 77}))
    scene.same("is in SRV", {one: 77, two: 1}, weights())
    scene.status("Lyft's weight", 204, node.call("POST", f"/v1/loadbalancing/{service}/{two}", form={"load_balancing_weight": 33}))
    scene.same("is in SRV, too", {one: 77, two: 33}, weights())
    scene.status("Lyft's weight of all", 204, node.call("POST", f"/v1/loadbalancing/{service}", form={"load_balancing_weight": 44}))
    scene.same("is that of Lyft's hosts", {one: 77, two: 44}, weights())
    for status, found in (("critical", [two]), ("passing", sorted([one, two])), ("warning", sorted([one, two])), ("passing", sorted([one, two]))):
        scene.status(f"a report of {status}", 200, node.call("PUT", f"{host}/health", {"status": status, "output": f"it is {status}"}))
        scene.same(f"{status} in DNS", found, node.addresses(service))
        scene.same(f"{status} in the list", (status, f"it is {status}"), (row()["status"], row()["checks"][0]["output"]))
    for tag, found in (("v1", [one]), ("blue", [one]), ("v2", [])):
        scene.same(f"the tag {tag}", found, node.ask(f"{tag}.{service}.service.local").addresses)
    node.call("PUT", host, {"address": one, "port": 80, "tags": ["v2"]})
    scene.same("tags are what was said last", ([], [one]), (node.ask(f"v1.{service}.service.local").addresses, node.ask(f"v2.{service}.service.local").addresses))
    for verb, body in (("drain", {"enable": True}), ("weight", {"weight": 2}), ("health", {"status": "passing"})):
        scene.status(f"{verb} of a host that nobody knows", 404, node.call("PUT", f"/v1/hosts/{service}/none/{verb}", body))


@story(together)
def maintenance(scene):
    node, service = scene.node, scene.service
    one, two = scene.address(), scene.address()
    for identity, address in (("1", one), ("2", two)):
        node.call("PUT", "/v1/agent/service/register", {"Name": service, "ID": f"{service}-{identity}", "Address": address, "Port": 80})
    path = f"/v1/agent/service/maintenance/{quoted(service + '-1')}"
    scene.status("it begins", 200, node.call("PUT", f"{path}?enable=true&reason=new+disk"))
    scene.same("the host is out of DNS", [two], node.addresses(service))
    scene.same("and of those that pass", [two], [entry["Service"]["Address"] for entry in node.json(f"/v1/health/service/{service}?passing")])
    scene.same("with the reason", ["new disk"], [check["Notes"] for check in node.json(f"/v1/health/checks/{service}") if "maintenance" in check["CheckID"]])
    scene.same("the native API calls it critical", "critical", node.row(service, f"{service}-1", "consul")["status"])
    scene.status("it ends", 200, node.call("PUT", f"{path}?enable=false"))
    scene.same("the host is back", sorted([one, two]), node.addresses(service))
    scene.status("of a service that nobody knows", 404, node.call("PUT", f"/v1/agent/service/maintenance/{service}-9?enable=true"))
