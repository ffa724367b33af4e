"""Waits until all nodes and etcd have the same table, and says how long that took."""
import asyncio

from . import engine, wire
from .history import now
from .machines import HTTP_PORT

PATIENCE = 20.0


async def digest(node):
    """What a node says of its whole table, however old the node is."""
    reply = await wire.call(node, HTTP_PORT, "GET", "/v1/digest")
    found = reply.json() if reply.status == 200 else None
    return None if not found else (found["digest"], found["hosts"])


async def table(node, history, do="table"):
    """All hosts of a node, as it lists them; it goes to the history too."""
    begin = now()
    reply = await wire.call(node, HTTP_PORT, "GET", "/v1/hosts", timeout=5.0)
    found = reply.json() if reply.status == 200 else None
    if not found:
        return None
    hosts = {f"{each['service']}/{each['id']}": each["addresses"][0] for each in found["hosts"]}
    history.add(do, node=node.name, begin=begin, end=now(), hosts=hosts)
    return hosts


def differences(name, hosts, kept):
    """Between a table and the rows of etcd."""
    for host in sorted(set(hosts) | set(kept)):
        if host not in kept:
            yield f"{host} is at {name} and not in etcd"
        elif host not in hosts:
            yield f"{host} is in etcd and not at {name}"
        elif not engine.holds(kept[host], hosts[host]):
            yield f"{host} is {hosts[host]} at {name} and not so in etcd"


async def unequal(site, history):
    """Why the tables are not the same; nothing when they are, as that of a node alone is."""
    if not site.members:
        return None
    digests = [await digest(node) for node in site.nodes]
    if None in digests:
        return "no digest of " + " ".join(node.name for node, each in zip(site.nodes, digests) if each is None)
    if len(set(digests)) > 1:
        return f"digests: {digests}"
    kept = await engine.rows(site.members[0])
    if kept is None:
        return "etcd does not answer"
    for node in site.nodes:
        hosts = await table(node, history)
        if hosts is None:
            return f"{node.name} does not list its hosts"
        found = list(differences(node.name, hosts, kept))
        if found:
            return "; ".join(found[:5])
    return None


async def engine_serves(site):
    """When all members answered."""
    end = now() + PATIENCE
    while now() < end and not await engine.works(site.members):
        await asyncio.sleep(0.05)
    return now()


async def until_equal(site, history, healed):
    """Seconds since the healing until etcd served and until the tables were equal, and why they are not."""
    served = await engine_serves(site)
    why, last, end = "", "", served + PATIENCE
    while why is not None and now() < end:
        last = why
        why = await unequal(site, history)
        if why is not None:
            await asyncio.sleep(0.05)
    after = now() - max(served, healed)
    return {"served": served - healed, "equal": now() - healed, "after": after, "why": why, "last": last}


async def begin(site, nemesis):
    """Starts all members, then all nodes, and waits until they are ready."""
    for member in site.members:
        nemesis.heal(member, "start")
    await engine_serves(site)
    for node in site.nodes:
        nemesis.heal(node, "start")
    if not await nemesis.all_ready(30.0):
        raise RuntimeError("the nodes are not ready after 30 s")
