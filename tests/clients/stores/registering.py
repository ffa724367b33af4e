"""Hosts come by each API, say the same or something else again, and leave; what is wrong changes nothing."""
import time

from .apis import APIS, LISTS, TAGS
from .battery import story, together
from .wire import SRV, quoted


@story(together)
def registers(scene):
    node, service = scene.node, scene.service
    expected, of_api = [], {}
    for name, api in APIS.items():
        for port in (80, 81):
            address = scene.address()
            reply = api.register(node, service, address, port)
            # The 2xx leaves when it is visible: there is no waiting here.
            found, pairs = node.addresses(service), [(port, address) for _, _, port, address in node.ask(f"{service}.service.local", SRV).services]
            expected = sorted(expected + [address])
            of_api.setdefault(name, []).append(address)
            scene.status(f"{name} takes a host", api.added, reply)
            scene.same(f"{name}: A right after the 2xx", expected, found)
            # The target of a host in the catalog is its address, too.
            scene.good(f"{name}: SRV right after the 2xx", (port, address) in pairs and len(pairs) == len(expected), pairs)
    for name, listed in LISTS.items():
        scene.same(f"all are in the list of {name}", expected, listed(node, service))
    for name, api in APIS.items():
        for address in of_api[name]:
            reply = api.leave(node, service, address)
            gone = of_api[name] if name == "minos" else [address]
            expected = [other for other in expected if other not in gone]
            scene.same(f"{name}: gone right after the 2xx", expected, node.addresses(service))
            if name != "minos":
                scene.good(f"{name}: a host leaves", reply.good, reply)
            scene.status(f"{name}: a host leaves twice", api.twice, api.leave(node, service, address))
    scene.same("nobody is left", {}, node.rows(service))
    scene.same("the name is gone", "NXDOMAIN", node.ask(f"{service}.service.local").code)


@story(together)
def registers_again(scene):
    node = scene.node
    for name, api in APIS.items():
        service, address = f"{scene.service}-{name}", scene.address()

        def row():
            return next((row for row in node.rows(service).values() if row["addresses"] == [address]), {})

        api.register(node, service, address, 80)
        before = row()
        scene.status(f"{name}: the same again", api.again, api.register(node, service, address, 80))
        after = row()
        scene.same(f"{name}: the same again has the same revision", before.get("revision"), after.get("revision"))
        if name == "minos":
            # Another port is another host there.
            other = {"address": address, "port": 80, "endpoints": [["GET", "/others"]]}
            scene.good(f"{name}: something else", node.call("POST", f"/microservices/{service}", other).good)
        else:
            scene.good(f"{name}: something else", api.register(node, service, address, 81).good)
        changed = row()
        scene.good(f"{name}: something else has a greater revision", changed.get("revision", 0) > after.get("revision", 0), changed)
        scene.same(f"{name}: who made it stays", before.get("created_revision"), changed.get("created_revision"))
        if name != "minos":
            scene.same(f"{name}: DNS has what is said now", [81], [port for _, _, port, _ in node.ask(f"{service}.service.local", SRV).services])
        api.leave(node, service, address)


@story(together)
def beats(scene):
    node, service = scene.node, scene.service
    body = {"address": scene.address(), "port": 80, "ttl": "30s"}
    first = node.call("PUT", f"/v1/hosts/{service}/a", body).json
    time.sleep(0.05)
    renewed = node.call("POST", f"/v1/hosts/{service}/a/renew")
    scene.status("a renewal", 200, renewed)
    ends = [reply["expires_at"] or "" for reply in (first, renewed.json)]
    scene.good("there is an end of the lease", ends[0], renewed)
    scene.good("a renewal moves it", ends[1] > ends[0], renewed)
    scene.same("is no change", first["revision"], renewed.json["revision"])
    again = node.call("PUT", f"/v1/hosts/{service}/a", body)
    scene.status("the registration again", 200, again)
    scene.same("is a heartbeat", (first["revision"], True), (again.json["revision"], (again.json["expires_at"] or "") > ends[1]))
    scene.status("of a host that nobody knows", 404, node.call("POST", f"/v1/hosts/{service}/b/renew"))
    scene.status("of a service that nobody knows", 404, node.call("POST", f"/v1/hosts/{service}-x/b/renew"))
    node.call("DELETE", f"/v1/hosts/{service}/a")
    scene.status("of a host that left", 404, node.call("POST", f"/v1/hosts/{service}/a/renew"))


def refusals(service):
    """What is wrong: a title, the call, what the error must name."""
    put, host = "PUT", f"/v1/hosts/{service}/a"
    form = {"ip": "10.9.9.9", "port": 80, "revision": "x", "tags": TAGS}
    agent, outside = "/v1/agent/service/register", "/v1/catalog/register"
    return [
        ("an address that is none", put, host, {"address": "10.0.0.256"}, None, "address"),
        ("no address", put, host, {"port": 80}, None, "address"),
        ("a port of 70000", put, host, {"address": "10.9.9.9", "port": 70000}, None, "port"),
        ("a field that is not known", put, host, {"address": "10.9.9.9", "prot": 80}, None, "prot"),
        ("a weight of 0", put, host, {"address": "10.9.9.9", "weight": 0}, None, "weight"),
        ("a TTL of half a second", put, host, {"address": "10.9.9.9", "ttl": "500ms"}, None, "ttl"),
        ("a tag with a control character", put, host, {"address": "10.9.9.9", "tags": ["a\u0001"]}, None, "tags[0]"),
        ("a body that is no JSON", put, host, b"{", None, "body"),
        ("a status that is none", put, f"{host}/health", {"status": "well"}, None, "status"),
        ("a drain without a word", put, f"{host}/drain", {}, None, "enable"),
        ("a weight of 65536", put, f"{host}/weight", {"weight": 65536}, None, "weight"),
        ("a service with capitals", put, f"/v1/hosts/{service.upper()}/a", {"address": "10.9.9.9"}, None, "service"),
        ("an argument that is not known", put, f"{host}?x=1", {"address": "10.9.9.9"}, None, "x"),
        ("Lyft: an address that is none", "POST", f"/v1/registration/{service}", None, {**form, "ip": "0.0.0.0"}, "ip"),
        ("Lyft: a weight of 1000", "POST", f"/v1/registration/{service}", None, {**form, "tags": TAGS[:-1] + ',"load_balancing_weight":1000}'}, "load_balancing_weight"),
        ("Lyft: tags without an instance", "POST", f"/v1/registration/{service}", None, {**form, "tags": '{"az":"a"}'}, ""),
        ("Consul: a service without a name", put, agent, {"ID": "x", "Address": "10.9.9.9"}, None, ""),
        ("Consul: a port that is text", put, agent, {"Name": service, "ID": "x", "Address": "10.9.9.9", "Port": "http"}, None, ""),
        ("Consul: a check that is a script", put, agent, {"Name": service, "ID": "x", "Address": "10.9.9.9", "Check": {"Args": ["true"], "Interval": "10s"}}, None, ""),
        ("Consul: a node without an address", put, outside, {"Node": "x", "Service": {"Service": service}}, None, ""),
        ("Consul: a report on what is not there", put, f"/v1/agent/check/pass/{service}:none", None, None, ""),
        ("minos: no endpoints", "POST", f"/microservices/{service}", {"address": "10.9.9.9", "port": 80}, None, "endpoints"),
        ("minos: a port of 0", "POST", f"/microservices/{service}", {"address": "10.9.9.9", "port": 0, "endpoints": []}, None, "port"),
        ("an import of a line that is none", "POST", "/v1/import", b'{"version":1,"service":"x"}\n', None, ""),
    ]


@story(together)
def refused(scene):
    node, service = scene.node, scene.service
    node.call("PUT", f"/v1/hosts/{service}/a", {"address": scene.address(), "port": 80, "weight": 3, "tags": ["v1"]})
    before = node.rows(service)
    for title, method, path, body, form, named in refusals(service):
        reply = node.call(method, path, body, form=form)
        scene.good(f"{title}: is refused", 400 <= reply.status <= 500, reply)
        scene.good(f"{title}: is named", named.encode() in reply.body, reply)
    after = node.rows(service)
    scene.same("none of it changed anything", before, after)
    scene.same("DNS is as it was", before[("native", "a")]["addresses"], node.addresses(service))


# Texts that break what is put together by hand.
NASTY = ["Big Capitals", "ünïcode-✓-名前", "100% sure", "%2e%2e", "a/b/c", "..", "a:b@c?d=e&f", "#hash", "semi;colon,comma", 'quo"te\'s', "back\\slash",
         "x" * 200, "+plus+", "emoji-\U0001f40c", "é-and-é", " "]


@story(together)
def nasty_names(scene):
    node, service, taken = scene.node, scene.service, []
    for text in NASTY:
        body = {"address": scene.address(), "port": 80, "meta": {"text": text}, "tags": [text]}
        reply = node.call("PUT", f"/v1/hosts/{service}/{quoted(text)}", body)
        if reply.status == 400:
            scene.good(f"the id {text[:20]!r} is refused with a reason", b"id" in reply.body, reply)
            continue
        scene.status(f"the id {text[:20]!r}", 201, reply)
        taken.append(body["address"])
        scene.same(f"{text[:20]!r} is read back", (text, [text], {"text": text}), tuple((reply.json or {}).get(field) for field in ("id", "tags", "meta")))
        read = node.get(f"/v1/hosts/{service}/{quoted(text)}")
        scene.same(f"{text[:20]!r} is found", (200, text), (read.status, (read.json or {}).get("id")))
        name, identity = f"{scene.service} {text}", f"id {text}"
        registered = node.call("PUT", "/v1/agent/service/register", {"Name": name, "ID": identity, "Address": scene.address(), "Tags": [text], "Port": 80})
        scene.status(f"Consul's service {text[:20]!r}", 200, registered)
        found = node.json(f"/v1/health/service/{quoted(name)}") or [{}]
        scene.same(f"Consul's service {text[:20]!r} is found", (identity, [text]),
                   tuple(found[0].get("Service", {}).get(field) for field in ("ID", "Tags")) if found else None)
    scene.good("most are taken", len(taken) > len(NASTY) // 2, taken)
    scene.same("all of these are in DNS", sorted(taken), node.addresses(service))
