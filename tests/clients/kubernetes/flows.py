"""The official client for Python against a server that other APIs register at. Prints a line a test: `ok` and its title,
or `FAILED`, the title and the reason.

Argument: the URL of the server. KUBECONFIG says it to the client.
"""
import json
import os
import queue
import sys
import threading
import traceback
import urllib.parse
import urllib.request
import warnings

from kubernetes import client, watch
from kubernetes.client.rest import ApiException

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "snippets"))
import patterns_kubernetes  # noqa: E402  pylint: disable=wrong-import-position

# Endpoints is said to be deprecated at each look at one.
warnings.simplefilter("ignore")
BASE = sys.argv[1]


def call(method: str, path: str, body=None, form=None):
    """A request to one of the APIs in which hosts register."""
    data = json.dumps(body).encode() if form is None else urllib.parse.urlencode(form).encode()
    request = urllib.request.Request(BASE + path, data=data, method=method)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.read()


def native(service: str, host: str, **fields):
    call("PUT", f"/v1/hosts/{service}/{host}", fields)


def lyft(service: str, address: str, port: int = 80):
    tags = json.dumps({"az": "az-b", "region": "r", "instance_id": "i"})
    call("POST", f"/v1/registration/{service}", form={"ip": address, "port": port, "revision": "r", "tags": tags})


def consul(service: str, host: str, address: str, **fields):
    call("PUT", "/v1/agent/service/register", {"Name": service, "ID": host, "Address": address, "Port": 80, **fields})


def same(title: str, expected, found):
    print(f"ok {title}" if expected == found else f"FAILED {title}: expected {expected!r}, found {found!r}", flush=True)


def refused(title: str, status: int, reason: str, message: str, ask):
    """What an error says."""
    try:
        ask()
    except ApiException as error:
        told = json.loads(error.body)
        found = (error.status, told["kind"], told["status"], told["code"], told["reason"], told["message"])
        same(title, (status, "Status", "Failure", status, reason, message), found)
    else:
        same(title, "an error", "none")


class Watched:
    """What a watch tells, as it comes."""

    def __init__(self, function, *arguments, **options):
        self.events, self.watch = queue.Queue(), watch.Watch()
        threading.Thread(target=self.run, args=(function, arguments, options), daemon=True).start()

    def run(self, function, arguments, options):
        for event in self.watch.stream(function, *arguments, **options):
            self.events.put(event)

    def next(self):
        event = self.events.get(timeout=10)
        return event["type"], event["object"]

    def is_silent(self) -> bool:
        try:
            event = self.events.get(timeout=0.5)
        except queue.Empty:
            return True
        print("   ", event["type"], event["object"])
        return False


def ips(endpoints) -> list:
    return sorted(address.ip for subset in endpoints.subsets or [] for address in subset.addresses or [])


def not_ready(endpoints) -> list:
    return sorted(address.ip for subset in endpoints.subsets or [] for address in subset.not_ready_addresses or [])


def the_document(discovery):
    """The class as it is printed."""
    native("web", "a", address="10.0.0.1", port=80, tags=["tier=front", "v1"], zone="az-a")
    lyft("web", "10.0.0.2")
    consul("web", "web-3", "10.0.0.3", Tags=["tier=front"])
    native("api", "x", ports=[{"name": "http", "port": 8080}, {"name": "metrics", "port": 9090}], address="fd00::1")
    native("db", "x", address="10.1.0.1", port=5432, namespace="data")
    expected = ["10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80"]
    same("endpoints through three APIs", expected, sorted(discovery.get_service_endpoints("web")))
    same("the first port of a host", ["fd00::1:8080"], discovery.get_service_endpoints("api"))
    web = {"name": "web", "cluster_ip": "None", "ports": [(80, 80)]}
    api = {"name": "api", "cluster_ip": "None", "ports": [(8080, 8080), (9090, 9090)]}
    same("services", [api, web], discovery.list_services())
    same("services by one label", [web], discovery.list_services({"tier": "front"}))
    same("services by two labels", [web], discovery.list_services({"app": "web", "tier": "front"}))
    same("services by a label that none has", [], discovery.list_services({"app": "web", "tier": "back"}))
    other = patterns_kubernetes.KubernetesServiceDiscovery("data")
    same("another namespace", ["10.1.0.1:5432"], other.get_service_endpoints("db"))
    same("no variables", "http://web.default.svc.cluster.local", discovery.get_service_url_env("web"))
    lyft("web", "10.0.0.4", port=8080)
    expected.append("10.0.0.4:8080")
    same("an address with its own port", expected, sorted(discovery.get_service_endpoints("web")))
    call("DELETE", "/v1/registration/web/10.0.0.4")
    refused("no such service", 404, "NotFound", 'endpoints "nope" not found', lambda: discovery.get_service_endpoints("nope"))


def health(core):
    """What is not in the answers is among the others."""
    read = lambda: core.read_namespaced_endpoints("web", "default")  # noqa: E731
    call("PUT", "/v1/hosts/web/a/health", {"status": "critical"})
    same("a critical host", (["10.0.0.2", "10.0.0.3"], ["10.0.0.1"]), (ips(read()), not_ready(read())))
    call("PUT", "/v1/hosts/web/a/health", {"status": "warning"})
    same("a host that warns", (["10.0.0.1", "10.0.0.2", "10.0.0.3"], []), (ips(read()), not_ready(read())))
    call("PUT", "/v1/hosts/web/a/health", {"status": "passing"})
    call("PUT", "/v1/hosts/web/10.0.0.2/drain", {"enable": True})
    same("a draining host", (["10.0.0.1", "10.0.0.3"], ["10.0.0.2"]), (ips(read()), not_ready(read())))
    call("PUT", "/v1/hosts/web/10.0.0.2/drain", {"enable": False})


def slices(core, discovery):
    """EndpointSlices and pods."""
    selector = "kubernetes.io/service-name=web"
    (found,) = discovery.list_namespaced_endpoint_slice("default", label_selector=selector).items
    endpoints = {point.addresses[0]: point for point in found.endpoints}
    same("a slice", ("IPv4", [80], 3), (found.address_type, [port.port for port in found.ports], len(endpoints)))
    same("zones", ["az-a", "az-b", None], [endpoints[f"10.0.0.{n}"].zone for n in (1, 2, 3)])
    one = discovery.read_namespaced_endpoint_slice(found.metadata.name, "default")
    same("a slice by its name", found.endpoints, one.endpoints)
    conditions = endpoints["10.0.0.1"].conditions
    same("conditions", (True, True, False), (conditions.ready, conditions.serving, conditions.terminating))
    reference = endpoints["10.0.0.1"].target_ref
    pod = core.read_namespaced_pod(reference.name, reference.namespace)
    same("the pod of an endpoint", ("10.0.0.1", reference.uid), (pod.status.pod_ip, pod.metadata.uid))
    pods = core.list_namespaced_pod("default", label_selector="app in (web), tier").items
    same("pods by labels", ["10.0.0.1", "10.0.0.3"], sorted(pod.status.pod_ip for pod in pods))
    everywhere = core.list_pod_for_all_namespaces(field_selector="metadata.namespace=data").items
    same("pods of all namespaces", ["10.1.0.1"], [pod.status.pod_ip for pod in everywhere])
    namespaces = [space.metadata.name for space in core.list_namespace().items]
    same("namespaces", ["data", "default"], namespaces)


def pages(core):
    """Lists in pieces."""
    for number in range(5):
        native(f"many-{number}", "a", address=f"10.2.0.{number + 1}", port=80, namespace="many")
    names, token, count = [], None, 0
    while count == 0 or token:
        page = core.list_namespaced_service("many", limit=2, _continue=token)
        names += [service.metadata.name for service in page.items]
        token, count = page.metadata._continue, count + 1
    same("pages", ([f"many-{number}" for number in range(5)], 3), (names, count))


def watches(core, discovery):
    """Each change, as it happens."""
    listed = core.list_namespaced_endpoints("default")
    revision = listed.metadata.resource_version
    all_of_them = Watched(core.list_namespaced_endpoints, "default", resource_version=revision)
    of_one = Watched(core.list_namespaced_endpoints, "default", field_selector="metadata.name=live")
    sliced = Watched(
        discovery.list_namespaced_endpoint_slice, "default", label_selector="kubernetes.io/service-name=live"
    )
    pods = Watched(core.list_pod_for_all_namespaces, label_selector="app=live", resource_version=revision)
    watched = [all_of_them, of_one]
    same("nothing yet", True, all_of_them.is_silent())
    native("live", "a", address="10.3.0.1", port=80)
    for one in watched:
        kind, found = one.next()
        same("a service comes", ("ADDED", "live", ["10.3.0.1"]), (kind, found.metadata.name, ips(found)))
    same("its slice comes", "ADDED", sliced.next()[0])
    same("its pod comes", "ADDED", pods.next()[0])
    lyft("live", "10.3.0.2")
    for one in watched:
        kind, found = one.next()
        same("a host comes", ("MODIFIED", ["10.3.0.1", "10.3.0.2"]), (kind, ips(found)))
    same("a slice grows", ("MODIFIED", 2), (lambda kind, found: (kind, len(found.endpoints)))(*sliced.next()))
    same("another pod comes", ("ADDED", "10.3.0.2"), (lambda kind, pod: (kind, pod.status.pod_ip))(*pods.next()))
    call("PUT", "/v1/hosts/live/a/health", {"status": "critical"})
    for one in watched:
        kind, found = one.next()
        same("a host is critical", ("MODIFIED", ["10.3.0.2"], ["10.3.0.1"]), (kind, ips(found), not_ready(found)))
    same("a pod is not ready", "MODIFIED", pods.next()[0])
    native("elsewhere", "a", address="10.3.0.9", port=80)
    same("another service", ("ADDED", "elsewhere"), (lambda kind, found: (kind, found.metadata.name))(*all_of_them.next()))
    same("a watch of one service hears of no other", True, of_one.is_silent())
    call("DELETE", "/v1/hosts/live/a")
    for one in watched:
        same("a host goes", ("MODIFIED", ["10.3.0.2"]), (lambda kind, found: (kind, ips(found)))(*one.next()))
    # Not before: changes of one object that come together are one event.
    call("DELETE", "/v1/registration/live/10.3.0.2")
    for one in watched:
        same("a service goes", ("DELETED", "live"), (lambda kind, found: (kind, found.metadata.name))(*one.next()))
    same("pods go", ["DELETED", "DELETED"], [pods.next()[0], pods.next()[0]])
    refused("gone", 404, "NotFound", 'services "live" not found', lambda: core.read_namespaced_service("live", "default"))
    old = watch.Watch()
    try:
        next(old.stream(core.list_namespaced_endpoints, "default", resource_version="1"))
    except ApiException as error:
        same("a revision that nobody remembers", 410, error.status)
    else:
        same("a revision that nobody remembers", 410, None)
    ended = list(watch.Watch().stream(core.list_namespaced_service, "data", timeout_seconds=1))
    same("a watch that ends", [("ADDED", "db")], [(event["type"], event["object"].metadata.name) for event in ended])


def errors(core, discovery):
    """What is refused, and how."""
    refused(
        "a bad selector", 400, "BadRequest", "found '=', expected: ',' or 'end of string'",
        lambda: core.list_namespaced_service("default", label_selector="a=b=c"),
    )
    refused(
        "a bad field", 400, "BadRequest",
        '"spec.x" is not a known field selector: only "metadata.name", "metadata.namespace"',
        lambda: core.list_namespaced_service("default", field_selector="spec.x=1"),
    )
    refused(
        "no such slice", 404, "NotFound", 'endpointslices.discovery.k8s.io "nope" not found',
        lambda: discovery.read_namespaced_endpoint_slice("nope", "default"),
    )
    refused(
        "no such resource", 404, "NotFound", "the server could not find the requested resource",
        lambda: core.list_namespaced_config_map("default"),
    )
    refused(
        "a write", 405, "MethodNotAllowed", "the server does not allow this method on the requested resource",
        lambda: core.delete_namespaced_service("web", "default"),
    )


def main():
    discovery = patterns_kubernetes.KubernetesServiceDiscovery()
    core, sliced = client.CoreV1Api(), client.DiscoveryV1Api()
    the_document(discovery)
    health(core)
    slices(core, sliced)
    pages(core)
    watches(core, sliced)
    errors(core, sliced)
    same("the version", "1", client.VersionApi().get_code().major)
    resources = [resource.name for resource in core.get_api_resources().resources]
    same("resources", ["endpoints", "services", "pods", "namespaces"], resources)
    same("groups", ["discovery.k8s.io"], [group.name for group in client.ApisApi().get_api_versions().groups])


try:
    main()
except Exception as error:  # pylint: disable=broad-exception-caught
    traceback.print_exc()
    print(f"FAILED to the end: {type(error).__name__}")
