"""Two servers on one store."""
import threading
import time

from .apis import APIS, LISTS, TAGS
from .battery import crowd, crowds, story, together
from .wire import SRV, Checked


@story(together, servers=2)
def pair_sees(scene):
    node, other, service = scene.node, scene.other, scene.service
    soon = scene.difference("seconds until another server shows a write")
    expected, worst = [], 0
    for name, api in APIS.items():
        address = scene.address()
        reply = api.register(node, service, address, 80)
        expected = sorted(expected + [address])
        worst = max(worst, scene.within(f"{name}: what is written at one is in the other's DNS", soon, expected, other.addresses, service))
        scene.good(f"{name}: a 2xx", reply.good, reply)
    for name, listed in LISTS.items():
        scene.same(f"all are in the other's list of {name}", expected, listed(other, service))
    for name, api in APIS.items():
        address = expected[0]
        api.leave(other, service, address)
        expected = expected[1:]
        scene.same(f"{name}: who leaves at the other is gone there", expected, other.addresses(service))
        worst = max(worst, scene.within(f"{name}: and here", soon, expected, node.addresses, service))


@story(together, servers=2)
def pair_reports(scene):
    node, other, service = scene.node, scene.other, scene.service
    soon = scene.difference("seconds until another server shows a write")
    address = scene.address()
    node.call("PUT", f"/v1/hosts/{service}/a", {"address": address, "port": 80})
    scene.within("it is there", soon, [address], other.addresses, service)
    for title, path, body, found in [
        ("critical", "health", {"status": "critical"}, []), ("passing", "health", {"status": "passing"}, [address]),
        ("drained", "drain", {"enable": True}, []), ("no longer drained", "drain", {"enable": False}, [address]),
    ]:
        scene.status(f"{title}: said at the other", 200, other.call("PUT", f"/v1/hosts/{service}/a/{path}", body))
        scene.within(f"{title}: seen here", soon, found, node.addresses, service)
    lyfts = f"{service}-lyft"
    APIS["lyft"].register(node, lyfts, address, 80)
    scene.within("a host of Lyft's is there", soon, [address], other.addresses, lyfts)
    for title, enable, found in [("drained", True, []), ("no longer drained", False, [address])]:
        for at, one, another in (("here", node, other), ("there", other, node)):
            scene.status(f"a host of Lyft's is {title}: said {at}", 200, one.call("PUT", f"/v1/hosts/{lyfts}/{address}/drain?origin=lyft", {"enable": enable}))
            scene.within(f"a host of Lyft's is {title}, said {at}: seen at the other", soon, found, another.addresses, lyfts)
    APIS["lyft"].leave(node, lyfts, address)
    index = node.json(f"/v1/hosts/{service}")["revision"]
    waiting = {}

    def waits():
        waiting["reply"] = node.get(f"/v1/hosts/{service}?index={index}&wait=15s")
        waiting["at"] = time.monotonic()

    waiter = threading.Thread(target=waits)
    waiter.start()
    time.sleep(0.3)
    other.call("PUT", f"/v1/hosts/{service}/a/weight", {"weight": 5})
    changed = time.monotonic()
    waiter.join(16)
    scene.good("who waits here is woken by a write there", waiting["at"] - changed < soon, f"after {waiting['at'] - changed:.2f} s")


@story(together, servers=2)
def pair_leases(scene):
    node, other, service = scene.node, scene.other, scene.service
    silent, beating = scene.address(), scene.address()
    soon, late = scene.difference("seconds until another server shows a write"), scene.difference("seconds that a lease may end late")
    for identity, address in (("silent", silent), ("beating", beating)):
        node.call("PUT", f"/v1/hosts/{service}/{identity}", {"address": address, "port": 80, "ttl": "5s"})
    started, lost, answered = time.monotonic(), False, True
    scene.within("both are there", soon, sorted([silent, beating]), other.addresses, service)
    gone = {}
    while (now := time.monotonic() - started) < 11:
        answered = other.call("POST", f"/v1/hosts/{service}/beating/renew").status == 200 and answered
        for one in (node, other):
            found = one.addresses(service)
            lost = lost or beating not in found
            if silent not in found:
                gone.setdefault(one, now)
        time.sleep(0.3)
    scene.good("who beats at the other stays at both", not lost and answered, f"lost {lost}, every beat answered {answered}")
    scene.good("who is silent is gone here", gone.get(node, 99) <= 5 + late + 0.5, gone)
    scene.good("and there", gone.get(other, 99) <= 5 + late + soon + 0.5, gone)
    node.call("DELETE", f"/v1/hosts/{service}/beating")


@story(together, servers=2)
def pair_writes_one_host(scene):
    """Each thread changes its own side of a host, at its own server: the last of each is there at the end."""
    node, other, service = scene.node, scene.other, scene.service
    address, refused = scene.address(), []
    soon = scene.difference("seconds until tables of two servers are equal")

    def taken(reply):
        if not reply.good:
            refused.append(reply)

    def check_in(tags):
        form = {"ip": address, "port": 80, "revision": "abc", "tags": TAGS[:-1] + f',"round":"{tags}"}}'}
        return node.call("POST", f"/v1/registration/{service}", form=form)

    check_in("none")
    scene.within("both know it", soon, [address], other.addresses, service)
    host = f"/v1/hosts/{service}/{address}"
    turns = 12
    crowd(4, lambda place: [taken(
        [lambda: check_in(turn),
         lambda: other.call("POST", f"/v1/loadbalancing/{service}/{address}", form={"load_balancing_weight": turn}),
         lambda: other.call("PUT", f"{host}/drain?origin=lyft", {"enable": turn % 2 == 0}),
         # Each is another status than the one before, and so a change at all servers.
         lambda: node.call("PUT", f"{host}/health?origin=lyft", {"status": ("passing", "warning")[turn % 2], "output": f"{turn}"})][place]()
    ) for turn in range(1, turns + 1)])
    scene.same("every write is a 2xx", [], refused[:3])
    expected = (turns, True, "passing", f"{turns}")

    def sides(one):
        row = one.row(service, address, "lyft") or {}
        return (row.get("weight"), row.get("draining"), row.get("status"), (row.get("checks") or [{}])[0].get("output"))

    for title, one in (("here", node), ("there", other)):
        scene.within(f"weight, drain and health are all {title}", soon, expected, sides, one)
    # Lyft's list has nobody who drains.
    node.call("PUT", f"{host}/drain?origin=lyft", {"enable": False})

    def tags(one):
        return [int(known["tags"].get("round", 0)) for known in one.json(f"/v1/registration/{service}")["hosts"]]

    for title, one in (("here", node), ("there", other)):
        scene.within(f"so are the tags {title}", soon, [turns], tags, one)


@story(crowds, servers=2)
def pair_of_crowds(scene):
    """Clients at both servers write one host, and many."""
    node, other, service = scene.node, scene.other, scene.service
    soon = scene.difference("seconds until tables of two servers are equal")
    address = scene.address()
    addresses = [scene.address() for _ in range(40)]

    def writes(client):
        at, good = (node, other)[client % 2], 0
        for turn in range(4):
            body = {"address": address, "port": 3000 + client, "meta": {"by": f"{client}"}}
            good += at.call("PUT", f"/v1/hosts/{service}/one", body).good
            number = client * 4 + turn
            good += at.call("PUT", f"/v1/hosts/{service}/h{number}", {"address": addresses[number], "port": 80}).good
        return good

    scene.same("every write is a 2xx", [8] * 10, crowd(10, writes))
    for title, one in (("here", node), ("there", other)):
        scene.within(f"all are {title}", soon, sorted([address, *addresses]), one.addresses, service)

    def both():
        rows = [one.row(service, "one") for one in (node, other)]
        return [[row["ports"][0]["port"] - 3000, int(row["meta"]["by"])] for row in rows]

    found = both()
    scene.good("what is there is one of the writes", all(port == by for port, by in found), found)
    scene.within("and the same at both", soon, True, lambda: len({str(one) for one in both()}) == 1)


@story(together, servers=2)
def pair_checks(scene):
    node, other, service, program = scene.node, scene.other, scene.service, Checked()
    soon = scene.difference("seconds until another server shows a write")
    check = {"id": "up", "http": f"http://127.0.0.1:{program.port}/", "interval": "1s", "timeout": "1s"}
    other.call("PUT", f"/v1/hosts/{service}/a", {"address": "127.0.0.1", "port": 80, "checks": [check]})
    for one in (node, other):
        scene.within("who is well is in DNS", 4 + soon, ["127.0.0.1"], one.addresses, service)
    asked = program.asked
    time.sleep(4)
    scene.good("one of the servers asks, not both", 3 <= program.asked - asked <= 5, program.asked - asked)
    program.status = 500
    for one in (node, other):
        scene.within("who is ill is out", 4 + soon, [], one.addresses, service)
    node.call("DELETE", f"/v1/hosts/{service}/a")
    program.close()
