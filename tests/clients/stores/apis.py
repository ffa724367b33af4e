"""The APIs by which hosts come, go and are listed, in one form."""
from .wire import quoted

TAGS = '{"az":"a","region":"r","instance_id":"i-1"}'


class Api:
    """How hosts of an API register and leave. `twice` is the status of a departure when nobody is there any more."""

    def __init__(self, origin, register, leave, again, twice, added=200):
        self.origin, self.register, self.leave, self.again, self.twice, self.added = origin, register, leave, again, twice, added


def native(node, service, address, port):
    return node.call("PUT", f"/v1/hosts/{service}/{address}", {"address": address, "port": port})


def lyft(node, service, address, port):
    form = {"ip": address, "port": port, "revision": "abc", "service_repo_name": f"{service}-repo", "tags": TAGS}
    return node.call("POST", f"/v1/registration/{service}", form=form)


def agent(node, service, address, port):
    body = {"Name": service, "ID": f"{service}-{address}", "Address": address, "Port": port}
    return node.call("PUT", "/v1/agent/service/register", body)


def catalog(node, service, address, port):
    body = {"Node": f"node-{address}", "Address": address, "Service": {"ID": "one", "Service": service, "Port": port}}
    return node.call("PUT", "/v1/catalog/register", body)


def minos(node, service, address, port):
    return node.call("POST", f"/microservices/{service}", {"address": address, "port": port, "endpoints": [["GET", "/orders/{id}"]]})


def native_leaves(node, service, address):
    return node.call("DELETE", f"/v1/hosts/{service}/{address}")


def lyft_leaves(node, service, address):
    return node.call("DELETE", f"/v1/registration/{service}/{address}")


def agent_leaves(node, service, address):
    return node.call("PUT", f"/v1/agent/service/deregister/{quoted(f'{service}-{address}')}")


def catalog_leaves(node, service, address):
    return node.call("PUT", "/v1/catalog/deregister", {"Node": f"node-{address}"})


# All hosts of the name that no check knows to be well: with nobody asked, each of them.
def minos_leaves(node, service, address):
    return node.call("DELETE", f"/microservices/{service}")


APIS = {
    "native": Api("native", native, native_leaves, 200, 404, added=201),
    "lyft": Api("lyft", lyft, lyft_leaves, 200, 400),
    "agent": Api("consul", agent, agent_leaves, 200, 404),
    "catalog": Api("consul", catalog, catalog_leaves, 200, 200),
    "minos": Api("minos", minos, minos_leaves, 201, 200, added=201),
}


# ---- lists: the addresses that each API gives of the hosts that are well ----


def in_native(node, service):
    return sorted(address for row in (node.json(f"/v1/hosts/{service}?passing") or {}).get("hosts", []) for address in row["addresses"])


def in_lyft(node, service):
    return sorted(host["ip_address"] for host in node.json(f"/v1/registration/{service}")["hosts"])


def in_health(node, service):
    entries = node.json(f"/v1/health/service/{service}?passing")
    return sorted(entry["Service"]["Address"] or entry["Node"]["Address"] for entry in entries)


def in_catalog(node, service):
    return sorted(entry["ServiceAddress"] or entry["Address"] for entry in node.json(f"/v1/catalog/service/{service}"))


def in_minos(node, service):
    return sorted(entry["address"] for entry in node.json("/endpoints") if entry["name"] == service and entry["status"])


def in_kubernetes(node, service):
    subsets = (node.json(f"/api/v1/namespaces/default/endpoints/{service}") or {}).get("subsets") or []
    return sorted(address["ip"] for subset in subsets for address in subset.get("addresses") or [])


def in_envoy(node, service):
    found = node.call("POST", "/v3/discovery:endpoints", {"resource_names": [service]}).json or {}
    return sorted(
        host["endpoint"]["address"]["socket_address"]["address"]
        for resource in found.get("resources", []) for place in resource.get("endpoints", []) for host in place.get("lb_endpoints", []))


def in_prometheus(node, service):
    groups = node.json(f"/v1/prometheus/sd?service={service}&passing") or []
    return sorted(target.split(":")[0] for group in groups for target in group["targets"])


LISTS = {"native": in_native, "lyft": in_lyft, "health": in_health, "catalog": in_catalog, "minos": in_minos,
         "kubernetes": in_kubernetes, "envoy": in_envoy, "prometheus": in_prometheus}
