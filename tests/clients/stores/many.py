"""Many hosts, many clients, and those that wait."""
import threading
import time

from .apis import LISTS
from .battery import crowd, crowds, story, together


@story(together)
def batches(scene):
    node, service = scene.node, scene.service
    hosts = [{"service": service, "id": f"h{number}", "address": scene.address(), "port": 80} for number in range(100)]
    addresses = sorted(host["address"] for host in hosts)
    bad = hosts[:99] + [{**hosts[99], "port": 70000}]
    reply = node.call("POST", "/v1/hosts", {"hosts": bad})
    scene.status("a bad one is refused", 400, reply)
    scene.good("by its place", b"hosts[99].port" in reply.body, reply)
    scene.same("nothing of it is there", ([], {}), (node.addresses(service), node.rows(service)))
    scene.status("one that is there twice", 400, node.call("POST", "/v1/hosts", {"hosts": hosts[:5] + hosts[:1]}))
    scene.same("nothing of that either", {}, node.rows(service))

    def counts(body):
        reply = node.call("POST", "/v1/hosts", {"hosts": body})
        return tuple((reply.json or {}).get(name) for name in ("created", "updated", "unchanged")) if reply.good else reply

    scene.same("a hundred hosts", (100, 0, 0), counts(hosts))
    scene.same("are in DNS right after the 2xx", addresses, node.addresses(service))
    before = node.rows(service)
    scene.same("the same again", (0, 0, 100), counts(hosts))
    scene.same("has changed no revision", [row["revision"] for row in before.values()], [row["revision"] for row in node.rows(service).values()])
    changed = [{**host, "port": 81} for host in hosts[:30]] + hosts[30:60]
    scene.same("some are changed", (0, 30, 30), counts(changed))
    after = node.rows(service)
    scene.same("those and no others have another revision", 30, sum(after[key]["revision"] > before[key]["revision"] for key in before))
    crowded = [{**host, "weight": 7} for host in hosts[:50]] + [{"service": service, "id": "", "address": "10.9.9.9"}]
    scene.status("a bad one among changes", 400, node.call("POST", "/v1/hosts", {"hosts": crowded}))
    scene.same("changes none of the others", after, node.rows(service))
    crowd(8, lambda client: [node.call("DELETE", f"/v1/hosts/{service}/h{number}") for number in range(20 + client * 10, 30 + client * 10)])
    scene.same("those who leave are gone, the others stay", 20, len(node.addresses(service)))


@story(together)
def imports(scene):
    node, service = scene.node, scene.service
    lines = [f'{{"version":1,"service":"{service}","dialect":"native","id":"h{number}","a":["{scene.address()}"],"p":[{{"n":80}}]}}' for number in range(40)]
    bad = "\n".join([*lines, '{"version":1,"service":"x","dialect":"native","id":"h","a":["10.9.9.999"]}'])
    scene.status("a bad line is refused", 400, node.call("POST", "/v1/import", bad.encode()))
    scene.same("with all others", {}, node.rows(service))

    def counts(query=""):
        reply = node.call("POST", f"/v1/import{query}", "\n".join(lines).encode())
        return tuple((reply.json or {}).get(name) for name in ("created", "updated", "unchanged", "kept")) if reply.good else reply

    scene.same("a dry run does nothing", ((40, 0, 0, 0), {}), (counts("?dry_run=true"), node.rows(service)))
    scene.same("forty rows", (40, 0, 0, 0), counts())
    scene.same("are in DNS right after the 2xx", 40, len(node.addresses(service)))
    scene.same("the same again", (0, 0, 40, 0), counts())
    scene.same("kept as they are", (0, 0, 0, 40), counts("?keep=true"))


@story(crowds)
def one_host_of_many_clients(scene):
    node, service = scene.node, scene.service
    address = scene.address()
    node.call("PUT", f"/v1/hosts/{service}/a", {"address": address, "port": 1000})
    before = node.row(service, "a")["revision"]

    def writes(client):
        made = []
        for turn in range(5):
            body = {"address": address, "port": 2000 + client, "weight": 1 + turn, "meta": {"by": f"{client}/{turn}"}}
            reply = node.call("PUT", f"/v1/hosts/{service}/a", body)
            made.append((reply.status, (reply.json or {}).get("revision", 0), reply))
        return made

    results = crowd(20, writes)
    scene.same("every write is a 2xx", 100, sum(status == 200 for made in results for status, _, _ in made))
    scene.good("no refusals", all(status == 200 for made in results for status, _, _ in made), [reply for made in results for status, _, reply in made if status != 200][:2])
    scene.good("each client sees the revision grow", all(one[1] < two[1] for made in results for one, two in zip(made, made[1:])))
    row = node.row(service, "a")
    client, turn = (int(part) for part in row["meta"].get("by", "-1/-1").split("/"))
    scene.same("what is there is one of the writes", (2000 + client, 1 + turn), (row["ports"][0]["port"], row["weight"]))
    greatest = max(revision for made in results for _, revision, _ in made)
    scene.good("the revision has grown", row["revision"] >= greatest > before, (before, greatest, row["revision"]))
    scene.same("and it is one host", ([address], 1), (node.addresses(service), len(node.rows(service))))


@story(crowds)
def many_hosts_of_many_clients(scene):
    node, service = scene.node, scene.service
    addresses = [scene.address() for _ in range(400)]

    def registers(client):
        good = 0
        for number in range(client * 50, client * 50 + 50):
            reply = node.call("PUT", f"/v1/hosts/{service}/h{number}", {"address": addresses[number], "port": 80})
            good += reply.status == 201
        return good

    scene.same("every registration is a 201", [50] * 8, crowd(8, registers))
    scene.same("all are in DNS", sorted(addresses), node.addresses(service))
    for name in ("native", "lyft", "health", "catalog", "kubernetes", "envoy", "prometheus"):
        scene.same(f"all are in the list of {name}", sorted(addresses), LISTS[name](node, service))

    def leaves(client):
        return sum(node.call("DELETE", f"/v1/hosts/{service}/h{number}").status == 204 for number in range(client * 40, client * 40 + 40))

    scene.same("most of them leave", [40] * 8, crowd(8, leaves))
    scene.same("the others stay", sorted(addresses[320:]), node.addresses(service))


def woken(scene, title, wait, change):
    """Waits at a thread, changes something, and says what came and after what time."""
    found = {}

    def waits():
        found["reply"], found["at"] = wait(), time.monotonic()

    waiter = threading.Thread(target=waits)
    waiter.start()
    time.sleep(0.5)
    scene.good(f"{title}: it waits", waiter.is_alive(), found)
    change()
    changed = time.monotonic()
    waiter.join(15)
    took = found.get("at", changed + 99) - changed
    scene.good(f"{title}: it wakes", took < 1.0, f"{took:.2f} s after the 2xx: {found}")
    return found.get("reply")


@story(together)
def those_who_wait(scene):
    node, service = scene.node, scene.service
    address = scene.address()

    def put(identity, **more):
        reply = node.call("PUT", f"/v1/hosts/{service}/{identity}", {"address": address, "port": 80, **more})
        assert reply.good, reply

    put("a")
    index = node.json(f"/v1/hosts/{service}")["revision"]
    reply = woken(scene, "long poll", lambda: node.get(f"/v1/hosts/{service}?index={index}&wait=10s"), lambda: put("b"))
    scene.same("long poll: it has what is new", ["a", "b"], sorted(host["id"] for host in reply.json["hosts"]))
    scene.good("long poll: a greater index", reply.json["revision"] > index, reply.json["revision"])

    path = f"/v1/health/service/{service}"
    index = node.get(path).headers["x-consul-index"]
    reply = woken(scene, "blocking query", lambda: node.get(f"{path}?index={index}&wait=10s"), lambda: put("a", weight=9))
    scene.good("blocking query: a greater index", int(reply.headers["x-consul-index"]) > int(index), reply.headers)
    index = node.get(path).headers["x-consul-index"]
    reply = woken(scene, "blocking query, a host leaves", lambda: node.get(f"{path}?index={index}&wait=10s"), lambda: node.call("DELETE", f"/v1/hosts/{service}/b"))
    scene.same("blocking query: it is gone from the list", 1, len(reply.json))

    index, started = reply.headers["x-consul-index"], time.monotonic()
    other = threading.Thread(target=lambda: [node.call("PUT", f"/v1/hosts/{service}-other/{number}", {"address": address}) for number in range(5)])
    other.start()
    node.get(f"{path}?index={index}&wait=2s")
    took = time.monotonic() - started
    other.join()
    scene.good("changes of other services wake nobody", took > 1.9, f"{took:.2f} s")
    scene.good("who waits for nothing is answered in time", took < 4, f"{took:.2f} s")
    put("a", weight=9)
    node.call("POST", f"/v1/hosts/{service}/a/renew")
    started = time.monotonic()
    node.get(f"{path}?index={node.get(path).headers['x-consul-index']}&wait=1s")
    scene.good("the same again wakes nobody", time.monotonic() - started > 0.95)
