"""The life of a service by one of Python's clients of Consul: python-consul, python-consul2, py-consul.

Arguments: the name of the client, the ports of HTTP and DNS. Prints a line a test: `ok` and its title, or `FAILED`, the
title and the reason. What only some clients offer is tried where the client offers it.

AGAINST=consul: a real Consul shows a change a moment after it has answered; rollcall must show it at once.
"""
import http.server
import inspect
import os
import socket
import sys
import threading
import time

import consul
import dns.resolver

CLIENT, HTTP_PORT, DNS_PORT = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
PATIENCE_SECONDS = 3 if os.environ.get("AGAINST", "rollcall") == "consul" else 0
c = consul.Consul(host="127.0.0.1", port=HTTP_PORT)


# ---- tests ----


def test(run):
    """Runs a function as a test with its name as the title."""
    title = f"{CLIENT}: {run.__name__.replace('_', ' ')}"
    try:
        run()
        print(f"ok {title}", flush=True)
    except Exception as error:  # pylint: disable=broad-exception-caught
        reason = f"{type(error).__name__} {error}".replace("\n", " ")[:600]
        print(f"FAILED {title}: {reason}", flush=True)
    return run


def same(found, expected):
    assert found == expected, f"expected {expected!r}, found {found!r}"


def shows(find, expected, seconds=None):
    """What `find` gives is `expected`; at once, or as soon as the server may take."""
    deadline = time.monotonic() + (PATIENCE_SECONDS if seconds is None else seconds)
    while (found := find()) != expected and time.monotonic() < deadline:
        time.sleep(0.02)
    same(found, expected)


def refused(call, *arguments, **named):
    """A call must fail; what is not there is False in some clients and an exception in others."""
    try:
        found = call(*arguments, **named)
    except consul.ConsulException:
        return
    same(found, False)


def offers(call, *names):
    """Whether a function of the client has these parameters."""
    signature = inspect.signature(call).parameters.values()
    known = {each.name for each in signature}
    return known.issuperset(names) or any(each.kind == each.VAR_KEYWORD for each in signature)


def later(seconds, call, *arguments, **named):
    """Makes a call after a while, beside what follows."""
    thread = threading.Timer(seconds, call, arguments, named)
    thread.start()
    return thread


def timed(call, *arguments, **named):
    """What a call gives, after the seconds that it took."""
    start = time.monotonic()
    found = call(*arguments, **named)
    return time.monotonic() - start, found


# ---- what is there ----


def ids(service, **named):
    return [each["Service"]["ID"] for each in c.health.service(service, **named)[1]]


def status(check_id):
    return c.agent.checks()[check_id]["Status"]


def addresses(name):
    """The A records of a name, sorted; the reason where there are none."""
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers, resolver.port = ["127.0.0.1"], DNS_PORT
    try:
        return sorted(each.address for each in resolver.resolve(name, "A"))
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer) as error:
        return type(error).__name__


def register(number, **named):
    assert c.agent.service.register(
        "web", service_id=f"web-{number}", address=f"10.0.0.{number}", port=8080 + number, **named
    )


class Endpoint(http.server.BaseHTTPRequestHandler):
    """What checks ask; answers with the status that is set."""

    status = 200

    def do_GET(self):  # pylint: disable=invalid-name
        self.send_response(self.status)
        self.end_headers()
        self.wfile.write(b"as it was set")

    def log_message(self, *_):  # pylint: disable=arguments-differ
        pass


endpoint = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
threading.Thread(target=endpoint.serve_forever, daemon=True).start()
ENDPOINT = f"http://127.0.0.1:{endpoint.server_address[1]}/health"


# ---- a service of two instances with a TTL ----


@test
def nobody_has_the_service():
    same(c.health.service("web")[1], [])
    same(c.catalog.service("web")[1], [])
    same(addresses("web.service.consul"), "NXDOMAIN")


@test
def two_instances_register():
    register(1, tags=["v1", "traefik.enable=true"], check=consul.Check.ttl("60s"))
    register(2, tags=["v2"], check=consul.Check.ttl("60s"))
    shows(lambda: ids("web"), ["web-1", "web-2"])


@test
def a_new_check_is_critical():
    same((status("service:web-1"), status("service:web-2")), ("critical", "critical"))
    same(ids("web", passing=True), [])
    same(addresses("web.service.consul"), "NXDOMAIN")


@test
def a_pass_makes_one_healthy():
    assert c.agent.check.ttl_pass("service:web-1", notes="all is well")
    shows(lambda: ids("web", passing=True), ["web-1"])
    same(c.agent.checks()["service:web-1"]["Output"], "all is well")
    same(addresses("web.service.consul"), ["10.0.0.1"])


@test
def a_pass_makes_the_other_healthy():
    assert c.agent.check.ttl_pass("service:web-2")
    shows(lambda: ids("web", passing=True), ["web-1", "web-2"])
    same(addresses("web.service.consul"), ["10.0.0.1", "10.0.0.2"])
    same(addresses("v2.web.service.consul"), ["10.0.0.2"])


@test
def every_instance_has_the_check_of_its_node():
    for entry in c.health.service("web")[1]:
        own = f"service:{entry['Service']['ID']}"
        same({each["CheckID"] for each in entry["Checks"]}, {"serfHealth", own})
        same({each["Status"] for each in entry["Checks"]}, {"passing"})


@test
def an_instance_as_registered():
    entry = c.health.service("web")[1][0]
    service = entry["Service"]
    same([service[key] for key in ("ID", "Service", "Address", "Port")], ["web-1", "web", "10.0.0.1", 8081])
    same((service["Tags"], service["Weights"]), (["v1", "traefik.enable=true"], {"Passing": 1, "Warning": 1}))
    same(entry["Node"]["Node"], "node-1")
    same(entry["Node"]["Datacenter"], "dc1")


@test
def a_tag_selects():
    same(ids("web", tag="v2"), ["web-2"])
    same(ids("web", tag="V2"), ["web-2"])
    same(ids("web", tag="v3"), [])
    same([each["ServiceID"] for each in c.catalog.service("web", tag="v1")[1]], ["web-1"])


@test
def a_warning_and_a_failure():
    assert c.agent.check.ttl_warn("service:web-1", notes="half full")
    shows(lambda: (ids("web", passing=True), addresses("web.service.consul")), (["web-2"], ["10.0.0.1", "10.0.0.2"]))
    assert c.agent.check.ttl_fail("service:web-2", notes="full")
    shows(lambda: (ids("web", passing=True), addresses("web.service.consul")), ([], ["10.0.0.1"]))
    same([c.agent.checks()[f"service:web-{each}"]["Output"] for each in (1, 2)], ["half full", "full"])
    for number in (1, 2):
        assert c.agent.check.ttl_pass(f"service:web-{number}")
    shows(lambda: ids("web", passing=True), ["web-1", "web-2"])


@test
def registering_again_keeps_the_health():
    register(1, tags=["v1", "new"], check=consul.Check.ttl("60s"))
    shows(lambda: c.health.service("web", tag="new")[1][0]["Service"]["Tags"], ["v1", "new"])
    same(ids("web", passing=True), ["web-1", "web-2"])


@test
def a_ttl_runs_out():
    assert c.agent.service.register("brief", service_id="brief-1", address="10.0.1.1", port=80,
                                    check=consul.Check.ttl("1s"))
    assert c.agent.service.register("brief", service_id="brief-2", address="10.0.1.2", port=80,
                                    check=consul.Check.ttl("60s"))
    assert c.agent.check.ttl_pass("service:brief-1", notes="for now")
    assert c.agent.check.ttl_pass("service:brief-2")
    shows(lambda: ids("brief", passing=True), ["brief-1", "brief-2"])
    shows(lambda: ids("brief", passing=True), ["brief-2"], 4)
    check = c.agent.checks()["service:brief-1"]
    same((check["Status"], check["Output"].startswith("TTL expired"), "for now" in check["Output"]),
         ("critical", True, True))
    shows(lambda: addresses("brief.service.consul"), ["10.0.1.2"])
    assert c.agent.check.ttl_pass("service:brief-1")
    shows(lambda: ids("brief", passing=True), ["brief-1", "brief-2"])
    for number in (1, 2):
        assert c.agent.service.deregister(f"brief-{number}")


# ---- waiting for a change ----


@test
def a_wait_ends_with_the_change():
    index = c.health.service("web")[0]
    thread = later(0.3, c.agent.check.ttl_fail, "service:web-2")
    seconds, (after, found) = timed(c.health.service, "web", index=index, wait="20s")
    thread.join()
    assert 0.2 < seconds < 3, seconds
    assert int(after) > int(index), (index, after)
    same(len(found), 2)
    same(ids("web", passing=True), ["web-1"])
    assert c.agent.check.ttl_pass("service:web-2")
    shows(lambda: ids("web", passing=True), ["web-1", "web-2"])


@test
def a_wait_without_a_change_takes_its_time():
    index = c.health.service("web")[0]
    seconds, (after, found) = timed(c.health.service, "web", index=index, wait="1s")
    assert 0.9 < seconds < 2.5, seconds
    same((after, len(found)), (index, 2))


@test
def another_service_does_not_end_the_wait():
    index = c.health.service("web")[0]
    thread = later(0.2, c.agent.service.register, "other", service_id="other-1", port=1)
    seconds, (after, _) = timed(c.health.service, "web", index=index, wait="1s")
    thread.join()
    assert seconds > 0.9, seconds
    same(after, index)
    assert c.agent.service.deregister("other-1")


@test
def the_same_again_does_not_end_the_wait():
    index = c.health.service("web")[0]
    thread = later(0.2, register, 2, tags=["v2"], check=consul.Check.ttl("60s"))
    seconds, _ = timed(c.health.service, "web", index=index, wait="1s")
    thread.join()
    assert seconds > 0.9, seconds


@test
def a_heartbeat_does_not_end_the_wait():
    index = c.health.service("web")[0]
    thread = later(0.2, c.agent.check.ttl_pass, "service:web-2")
    seconds, _ = timed(c.health.service, "web", index=index, wait="1s")
    thread.join()
    assert seconds > 0.9, seconds


@test
def a_new_service_ends_the_wait_for_services():
    index = c.catalog.services()[0]
    thread = later(0.3, c.agent.service.register, "other", service_id="other-1", port=1, tags=["b", "a"])
    seconds, (after, found) = timed(c.catalog.services, index=index, wait="20s")
    thread.join()
    assert 0.2 < seconds < 3, seconds
    assert int(after) > int(index), (index, after)
    same(sorted(found["other"]), ["a", "b"])


@test
def the_end_of_a_service_ends_the_wait():
    index = c.health.service("other")[0]
    thread = later(0.3, c.agent.service.deregister, "other-1")
    seconds, (after, found) = timed(c.health.service, "other", index=index, wait="20s")
    thread.join()
    assert 0.2 < seconds < 3, seconds
    assert int(after) > int(index), (index, after)
    same(found, [])


@test
def its_return_ends_the_wait():
    index = c.catalog.service("other")[0]
    thread = later(0.3, c.agent.service.register, "other", service_id="other-2", port=1)
    seconds, (after, found) = timed(c.catalog.service, "other", index=index, wait="20s")
    thread.join()
    assert 0.2 < seconds < 3, seconds
    assert int(after) > int(index), (index, after)
    same([each["ServiceID"] for each in found], ["other-2"])
    assert c.agent.service.deregister("other-2")


@test
def every_list_can_be_waited_for():
    for call in (
        lambda **named: c.catalog.nodes(**named),
        lambda **named: c.catalog.node("node-1", **named),
        lambda **named: c.catalog.service("web", **named),
        lambda **named: c.health.checks("web", **named),
        lambda **named: c.health.node("node-1", **named),
        lambda **named: c.health.state("any", **named),
    ):
        index = call()[0]
        seconds, _ = timed(call, index=index, wait="300ms")
        assert seconds > 0.25, seconds


# ---- agent ----


@test
def services_of_the_agent():
    shows(lambda: sorted(c.agent.services()), ["web-1", "web-2"])
    web = c.agent.services()["web-2"]
    same([web[key] for key in ("ID", "Service", "Address", "Port", "Tags")], ["web-2", "web", "10.0.0.2", 8082, ["v2"]])
    same((web["EnableTagOverride"], web["Meta"]), (False, {}))


@test
def a_service_with_a_name_only():
    assert c.agent.service.register("bare")
    shows(lambda: ids("bare"), ["bare"])
    bare = c.agent.services()["bare"]
    same([bare[key] for key in ("ID", "Address", "Port", "Tags")], ["bare", "", 0, []])
    shows(lambda: addresses("bare.service.consul"), ["127.0.0.1"])
    assert c.agent.service.deregister("bare")
    shows(lambda: ids("bare"), [])


@test
def an_override_of_tags_and_odd_ids():
    odd = "app#127.0.0.1#3000"
    assert c.agent.service.register("odd", service_id=odd, enable_tag_override=True, tags=["/users", 'rule=Host(`a.b`)'])
    shows(lambda: ids("odd"), [odd])
    same((c.agent.services()[odd]["EnableTagOverride"], c.agent.services()[odd]["Tags"]),
         (True, ["/users", 'rule=Host(`a.b`)']))
    assert c.agent.service.deregister(odd)
    shows(lambda: ids("odd"), [])


@test
def meta_and_weights():
    call = c.agent.service.register
    if not offers(call, "meta"):
        return
    named = {"weights": {"passing": 10, "warning": 1}} if offers(call, "weights") else {}
    assert call("meta", service_id="meta-1", port=1, meta={"version": "4.2"}, **named)
    shows(lambda: ids("meta"), ["meta-1"])
    service = c.health.service("meta")[1][0]["Service"]
    same(service["Meta"], {"version": "4.2"})
    same(service["Weights"], {"Passing": 10, "Warning": 1} if named else {"Passing": 1, "Warning": 1})
    assert c.agent.service.deregister("meta-1")


@test
def maintenance_of_one_instance():
    assert c.agent.service.maintenance("web-1", "true", "new disks")
    shows(lambda: ids("web", passing=True), ["web-2"])
    check = c.agent.checks()["_service_maintenance:web-1"]
    same((check["Status"], check["Notes"], check["ServiceID"]), ("critical", "new disks", "web-1"))
    same(addresses("web.service.consul"), ["10.0.0.2"])
    assert c.agent.service.maintenance("web-1", "false")
    shows(lambda: ids("web", passing=True), ["web-1", "web-2"])
    assert "_service_maintenance:web-1" not in c.agent.checks()


@test
def maintenance_of_the_node():
    assert c.agent.maintenance("true", "new kernel")
    shows(lambda: ids("web", passing=True), [])
    same(c.agent.checks()["_node_maintenance"]["Notes"], "new kernel")
    same(addresses("web.service.consul"), "NXDOMAIN")
    assert c.agent.maintenance("false")
    shows(lambda: ids("web", passing=True), ["web-1", "web-2"])
    assert "_node_maintenance" not in c.agent.checks()


@test
def the_agent_about_itself():
    found = c.agent.self()
    same((found["Config"]["NodeName"], found["Config"]["Datacenter"]), ("node-1", "dc1"))
    assert found["Member"] in c.agent.members()
    same([(each["Name"], each["Status"]) for each in c.agent.members()], [("node-1", 1)])
    leader = c.status.leader()
    assert leader.count(":") == 1 and leader in c.status.peers(), (leader, c.status.peers())
    same(c.agent.self()["Stats"]["consul"]["leader_addr"], leader)


# ---- checks ----


@test
def checks_of_the_node():
    assert c.agent.check.register("disk", consul.Check.ttl("60s"), notes="of all")
    same([c.agent.checks()["disk"][key] for key in ("Status", "Notes", "ServiceID")], ["critical", "of all", ""])
    shows(lambda: ids("web", passing=True), [])
    assert c.agent.check.ttl_pass("disk")
    shows(lambda: ids("web", passing=True), ["web-1", "web-2"])
    assert c.agent.check.deregister("disk")
    shows(lambda: "disk" in [each["CheckID"] for each in c.health.node("node-1")[1]], False)


@test
def a_check_of_one_instance():
    assert c.agent.check.register("memory", consul.Check.ttl("60s"), check_id="web-1-memory", service_id="web-1")
    shows(lambda: ids("web", passing=True), ["web-2"])
    shows(lambda: sorted(each["CheckID"] for each in c.health.checks("web")[1]),
          ["service:web-1", "service:web-2", "web-1-memory"])
    assert c.agent.check.ttl_pass("web-1-memory")
    shows(lambda: ids("web", passing=True), ["web-1", "web-2"])
    assert c.agent.check.deregister("web-1-memory")
    shows(lambda: sorted(each["CheckID"] for each in c.health.checks("web")[1]), ["service:web-1", "service:web-2"])


@test
def checks_that_ask():
    # The addresses are of this machine: rollcall asks the loopback for nobody who is elsewhere.
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert c.agent.service.register("asked", service_id="asked-http", address="127.0.2.1", port=1,
                                        check=consul.Check.http(ENDPOINT, "1s", timeout="1s"))
        assert c.agent.service.register("asked", service_id="asked-tcp", address="127.0.2.2", port=1,
                                        check=consul.Check.tcp("127.0.0.1", port, "1s", timeout="1s"))
        shows(lambda: ids("asked", passing=True), ["asked-http", "asked-tcp"], 5)
    same(c.agent.checks()["service:asked-http"]["Output"], f"HTTP GET {ENDPOINT}: 200 OK Output: as it was set")
    shows(lambda: ids("asked", passing=True), ["asked-http"], 5)
    Endpoint.status = 429
    shows(lambda: status("service:asked-http"), "warning", 5)
    Endpoint.status = 500
    shows(lambda: status("service:asked-http"), "critical", 5)
    shows(lambda: addresses("asked.service.consul"), "NXDOMAIN", 5)
    Endpoint.status = 200
    shows(lambda: addresses("asked.service.consul"), ["127.0.2.1"], 5)
    for each in ("asked-http", "asked-tcp"):
        assert c.agent.service.deregister(each)


# ---- catalog and health ----


@test
def nodes_and_services_of_the_catalog():
    same(c.catalog.datacenters(), ["dc1"])
    same([each["Node"] for each in c.catalog.nodes()[1]], ["node-1"])
    same(sorted(c.catalog.services()[1]), ["consul", "web"])
    same(sorted(c.catalog.services()[1]["web"]), ["new", "v1", "v2"])
    same([(each["ServiceID"], each["ServiceAddress"], each["ServicePort"]) for each in c.catalog.service("web")[1]],
         [("web-1", "10.0.0.1", 8081), ("web-2", "10.0.0.2", 8082)])
    same(sorted(c.catalog.node("node-1")[1]["Services"]), ["consul", "web-1", "web-2"])
    same(c.catalog.node("nobody")[1], None)


@test
def nodes_that_others_register():
    for number in (1, 2):
        service = {"Service": "db", "ID": f"db-{number}", "Port": 5432, "Tags": ["primary"] if number == 1 else []}
        assert c.catalog.register(f"ext-{number}", f"10.0.3.{number}", service=service,
                                  check={"Name": "up", "Status": "passing", "ServiceID": f"db-{number}"})
    shows(lambda: ids("db", passing=True), ["db-1", "db-2"])
    same([each["Node"]["Address"] for each in c.health.service("db")[1]], ["10.0.3.1", "10.0.3.2"])
    same(addresses("db.service.consul"), ["10.0.3.1", "10.0.3.2"])
    same(addresses("ext-1.node.consul"), ["10.0.3.1"])
    same([each["Node"] for each in c.catalog.nodes()[1]], ["ext-1", "ext-2", "node-1"])
    assert c.catalog.deregister("ext-1", check_id="up")
    shows(lambda: c.health.node("ext-1")[1], [])
    assert c.catalog.deregister("ext-1", service_id="db-1")
    shows(lambda: ids("db"), ["db-2"])
    assert c.catalog.deregister("ext-2")
    shows(lambda: ids("db"), [])
    assert c.catalog.deregister("ext-1")
    shows(lambda: [each["Node"] for each in c.catalog.nodes()[1]], ["node-1"])


@test
def checks_by_their_state():
    assert c.agent.check.ttl_fail("service:web-2")
    shows(lambda: [each["CheckID"] for each in c.health.state("critical")[1]], ["service:web-2"])
    same({each["CheckID"] for each in c.health.state("passing")[1]}, {"serfHealth", "service:web-1"})
    same(len(c.health.state("any")[1]), 3)
    same(c.health.state("warning")[1], [])
    assert c.agent.check.ttl_pass("service:web-2")
    shows(lambda: ids("web", passing=True), ["web-1", "web-2"])


@test
def near_stale_and_consistent():
    same(ids("web", near="_agent"), ["web-1", "web-2"])
    for consistency in ("stale", "consistent"):
        same(len(c.catalog.service("web", consistency=consistency)[1]), 2)
    same(ids("web", node_meta={"rack": "none"}), [])


@test
def filters():
    if not offers(c.health.node, "filter_expr"):
        return
    same(ids("web", filter_expr='"v2" in Service.Tags'), ["web-2"])
    same(ids("web", filter_expr="Service.Port == 8081"), ["web-1"])
    same(sorted(c.agent.services(filter_expr="ID matches `^web-[2-9]$`")), ["web-2"])
    same(sorted(c.agent.checks(filter_expr="Status != passing")), [])
    same([each["Node"] for each in c.catalog.nodes(filter_expr="Node != `node-1`")[1]], [])
    same([each["CheckID"] for each in c.health.checks("web", filter_expr="ServiceTags contains v2")[1]], ["service:web-2"])
    refused(c.health.service, "web", filter_expr="Nothing == 1")
    refused(c.health.service, "web", filter_expr="not a filter((")


# ---- mistakes ----


@test
def a_datacenter_that_is_not_there():
    refused(c.health.service, "web", dc="dc2")
    refused(c.catalog.nodes, dc="dc2")
    refused(c.catalog.register, "n", "10.0.0.9", dc="dc2")


@test
def heartbeats_of_nobody_are_errors():
    for call in (c.agent.check.ttl_pass, c.agent.check.ttl_warn, c.agent.check.ttl_fail):
        refused(call, "service:nobody")


@test
def what_is_not_there_cannot_leave():
    for call in (c.agent.service.deregister, c.agent.check.deregister):
        refused(call, "nobody")


@test
def checks_that_cannot_be():
    refused(c.agent.service.register, "bad", check={"ttl": "10s", "interval": "10s"})
    refused(c.agent.service.register, "bad", check={"http": ENDPOINT})
    refused(c.agent.service.register, "bad", check={"ttl": "soon"})
    refused(c.agent.check.register, "bad", consul.Check.ttl("1s"), service_id="nobody")
    same(ids("bad"), [])
    same(sorted(c.agent.services()), ["web-1", "web-2"])


@test
def two_instances_leave():
    assert c.agent.service.deregister("web-1")
    shows(lambda: (ids("web"), addresses("web.service.consul")), (["web-2"], ["10.0.0.2"]))
    assert c.agent.service.deregister("web-2")
    shows(lambda: (ids("web"), addresses("web.service.consul")), ([], "NXDOMAIN"))
    same((c.agent.services(), c.agent.checks()), ({}, {}))
    shows(lambda: sorted(c.catalog.services()[1]), ["consul"])
