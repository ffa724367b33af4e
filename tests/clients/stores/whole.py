"""What looks at the whole table: exports, restarts, the maintenance of a node. One after another."""
import json
import signal

from .battery import alone, story
from .node import Node
from .registering import NASTY
from .tables import lines, unlike
from .wire import SRV, quoted


def parts(rows, most=500):
    return [rows[start:start + most] for start in range(0, len(rows), most)]


@story(alone)
def exports(scene):
    node = scene.node
    before, (hosts, digest) = lines(node), node.digest()
    scene.good("there is something in the table", hosts > 80, hosts)
    exported = node.get("/v1/export").body.splitlines()[1:]
    fresh = Node(node.program, "memory", node.directory, node.name, {})
    # Its name is that of the first: the node of a server is not imported, but the hosts on it are.
    fresh.log += ".fresh"
    fresh.start()
    for part in parts(exported):
        reply = fresh.call("POST", "/v1/import", b"\n".join(part))
        scene.status("an empty server takes the lines", 200, reply)
    scene.same("its table is the same", (hosts, digest), fresh.digest())
    scene.same("row by row", {}, unlike(before, lines(fresh)))
    fresh.stop()
    service = "many-hosts-of-many-clients"
    gone = [row for row in exported if json.loads(row)["service"] == service]
    for row in gone:
        node.call("DELETE", f"/v1/hosts/{service}/{json.loads(row)['id']}")
    scene.good("what leaves changes the digest", node.digest() != (hosts, digest))
    scene.same("it is gone", [], node.addresses(service))
    reply = node.call("POST", "/v1/import", b"\n".join(gone))
    scene.same("what is brought back", (200, len(gone)), (reply.status, (reply.json or {}).get("created")))
    scene.same("makes the table as it was", (hosts, digest), node.digest())
    scene.same("in DNS, too", len(gone), len(node.addresses(service)))


@story(alone)
def maintenance_of_the_node(scene):
    node, service = scene.node, scene.service
    address = scene.address()
    node.call("PUT", "/v1/agent/service/register", {"Name": service, "ID": f"{service}-1", "Address": address, "Port": 80})
    node.call("PUT", f"/v1/hosts/{service}/a", {"address": scene.address(), "port": 80})
    both = node.addresses(service)
    scene.status("it begins", 200, node.call("PUT", "/v1/agent/maintenance?enable=true&reason=move"))
    scene.good("what stands on it is out of DNS", address not in node.addresses(service), node.addresses(service))
    scene.status("it ends", 200, node.call("PUT", "/v1/agent/maintenance?enable=false"))
    scene.same("all is back", both, node.addresses(service))
    node.call("PUT", f"/v1/agent/service/deregister/{service}-1")


@story(alone)
def restarts(scene):
    node, service, keeps = scene.node, scene.service, scene.difference("keeps the table over a restart")
    one, two, three = scene.address(), scene.address(), scene.address()
    node.call("PUT", f"/v1/hosts/{service}/drained", {"address": one, "port": 80, "ttl": "1h"})
    node.call("PUT", f"/v1/hosts/{service}/drained/drain", {"enable": True})
    node.call("PUT", f"/v1/hosts/{service}/heavy", {"address": two, "port": 80})
    node.call("PUT", f"/v1/hosts/{service}/heavy/weight", {"weight": 321})
    node.call("PUT", f"/v1/hosts/{service}/ill", {"address": three, "port": 80, "zone": "az", "region": "r", "priority": 5})
    node.call("PUT", f"/v1/hosts/{service}/ill/health", {"status": "critical", "output": "it hurts"})
    for title, ending in (("a stop", signal.SIGTERM), ("kill -9", signal.SIGKILL)):
        rows, digest, revision = lines(node), node.digest(), node.revision()
        if scene.other:
            scene.other.stop(ending)
        node.restart(ending)
        if scene.other:
            scene.other.start()
        scene.good(f"{title}: the revision is no smaller", node.revision() >= revision, (revision, node.revision()))
        if not keeps:
            scene.same(f"{title}: the table is empty", 0, node.digest()[0])
            scene.same(f"{title}: names are gone", "NXDOMAIN", node.ask(f"{service}.service.local").code)
            refill(scene, service, two)
            continue
        scene.same(f"{title}: the digest is the same", digest, node.digest())
        scene.same(f"{title}: each row is there", {}, unlike(rows, lines(node)))
        scene.same(f"{title}: DNS answers as before", [two], node.addresses(service))
        scene.same(f"{title}: with the weight", [(0, 321, 80, two)], node.ask(f"{service}.service.local", SRV).services)
        row = node.row(service, "ill")
        scene.same(f"{title}: a report stands", ("critical", "it hurts"), (row["status"], row["checks"][0]["output"]))
        scene.same(f"{title}: a drain stands", True, node.row(service, "drained")["draining"])
        scene.status(f"{title}: leases go on", 200, node.call("POST", f"/v1/hosts/{service}/drained/renew"))
        for text in NASTY:
            if ("nasty-names", "native", text) in rows:
                found = node.get(f"/v1/hosts/nasty-names/{quoted(text)}")
                scene.same(f"{title}: {text[:20]!r} is there", (200, [text]), (found.status, (found.json or {}).get("tags")))
        reply = node.call("PUT", f"/v1/hosts/{service}/after", {"address": scene.address()})
        scene.good(f"{title}: what is written then has a greater revision", (reply.json or {}).get("revision", 0) > revision, reply)
        node.call("DELETE", f"/v1/hosts/{service}/after")


def refill(scene, service, address):
    """What forgot its table takes a new one."""
    reply = scene.node.call("PUT", f"/v1/hosts/{service}/heavy", {"address": address, "port": 80})
    scene.status("it takes hosts again", 201, reply)
    scene.same("and answers with them", [address], scene.node.addresses(service))
