"""Plays the same requests and questions to a real Consul and to rollcall, and prints every difference with its reason.

Arguments: the ports of HTTP and DNS of Consul, then those of rollcall. The requests are in requests.txt and farewells.txt,
the questions in questions.txt, the reasons in reasons.txt. Prints a line a request or question: `ok` and its title, or
`FAILED`, the title and the differences that have no reason. Differences that have one are counted; DIFFERENCES names a
file to which all of them are written, ANSWERS one for every answer over HTTP.

What must differ is made equal first: indexes, serials, times, the ports of the servers.
"""
import collections
import gzip
import http.client
import http.server
import json
import os
import re
import socket
import sys
import threading
import time

import dns.edns
import dns.flags
import dns.message
import dns.opcode
import dns.query
import dns.rcode
import dns.rdatatype

HERE = os.path.dirname(os.path.abspath(__file__))
# A real Consul needs a moment until its catalog has what its agent knows.
SETTLE_SECONDS = 0.25
LOOKS = 20
# What is the same for every answer of a server, or of no meaning to a client.
IGNORED_HEADERS = {"date", "content-length", "connection", "transfer-encoding", "keep-alive"}
NOTHING = "nothing"
# The ports at which the services `consul` of the two servers say that they are.
SERVER_PORTS = set()
# Of these only the keys are compared: they are about the machine and the program.
KEYS_ONLY = (
    "/v1/agent/host",
    "/v1/agent/metrics",
    "/v1/agent/version",
    "/v1/event/fire/x",
    "/v1/operator/autopilot/health",
    "/v1/operator/raft/configuration",
)
NotJson = collections.namedtuple("NotJson", "text")
Server = collections.namedtuple("Server", "name http dns")
Difference = collections.namedtuple("Difference", "where consul rollcall")


class Endpoint(http.server.BaseHTTPRequestHandler):
    """What checks ask: the path is the status to answer with."""

    def do_GET(self):  # pylint: disable=invalid-name
        status = int(self.path.strip("/") or 200)
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "/200")
        self.end_headers()
        self.wfile.write(b"as it was asked for")

    do_POST = do_GET

    def log_message(self, *_):  # pylint: disable=arguments-differ
        pass


ENDPOINT = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
threading.Thread(target=ENDPOINT.serve_forever, daemon=True).start()


# ---- HTTP ----


def ask(server, request):
    """The status, the headers and the body of an answer; a client of its own, as others repair what they send."""
    method, path, headers, body = request
    connection = http.client.HTTPConnection("127.0.0.1", server.http, timeout=20)
    try:
        connection.putrequest(method, path, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        if body or method in ("PUT", "POST"):
            connection.putheader("Content-Length", str(len(body.encode())))
        connection.endheaders(body.encode())
        answer = connection.getresponse()
        content = answer.read()
        if answer.headers.get("Content-Encoding") == "gzip":
            content = gzip.decompress(content)
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, content.decode()
    except (OSError, http.client.HTTPException) as error:
        return 0, {}, f"no answer: {type(error).__name__}"
    finally:
        connection.close()


def without_ports(text):
    """Addresses of the servers themselves are told apart by their ports only."""
    return re.sub(r"127\.0\.0\.1:[0-9]{4,5}\b", "127.0.0.1:PORT", text)


def parsed(text):
    """The value of a body; the body itself where it is no JSON."""
    try:
        return json.loads(text)
    except ValueError:
        return NotJson(text)


def plain(value, key=""):
    """A value without indexes and ports."""
    if isinstance(value, dict):
        if value.get("Name") == "Connect Sidecar Listening":
            # It has asked once, or not yet.
            value = {**value, "Output": ""}
        return {name: plain(each, name) for name, each in value.items()}
    if isinstance(value, list):
        return [plain(each) for each in value]
    if key in ("CreateIndex", "ModifyIndex") and isinstance(value, int) and value > 0:
        return "INDEX"
    if key in ("Port", "ServicePort") and value in SERVER_PORTS:
        return "PORT"
    return without_ports(value) if isinstance(value, str) else value


def view(request, value):
    """What is compared of an answer that is mostly about the program itself."""
    path = request[1].partition("?")[0]
    if path == "/v1/agent/self" and isinstance(value, dict):
        config = {key: each for key, each in value.get("Config", {}).items() if key not in ("Version", "Revision", "BuildDate")}
        own = {"Config": config, "Config keys": sorted(value.get("Config", {})), "Meta": sorted(value.get("Meta", {}))}
        stats = value.get("Stats", {}).get("consul", {}).get("leader_addr")
        return {"keys": sorted(value), "Member": member(value.get("Member", {})), "leader_addr": stats, **own}
    if path == "/v1/agent/members" and isinstance(value, list):
        return [member(each) for each in value]
    if path in KEYS_ONLY and isinstance(value, dict):
        return sorted(value)
    if path.startswith("/v1/agent/health/service/name/") and isinstance(value, list):
        # These are in no order either.
        return sorted(value, key=identity)
    if path == "/v1/catalog/services" and isinstance(value, dict):
        # The tags of a service are in no order, and in another one every time.
        return {name: sorted(tags) for name, tags in value.items()}
    return value


def member(value):
    """A member without what only tells its program and its ports."""
    value = {key: each for key, each in value.items() if key != "Port"}
    loose = {"port", "build", "raft_vsn", "vsn", "vsn_min", "vsn_max", "wan_join_port", "grpc_port", "grpc_tls_port"}
    value["Tags"] = {key: (each if key not in loose else "SET") for key, each in value.get("Tags", {}).items()}
    return value


def looks(headers):
    """The headers that say something, without what must differ."""
    seen = {}
    for name, value in headers.items():
        if name in IGNORED_HEADERS:
            continue
        if name in ("x-consul-index", "age", "x-consul-lastcontact") and value.isdigit():
            value = "0" if name == "x-consul-index" and value == "0" else "NUMBER"
        if name == "x-consul-contenthash":
            value = "HASH"
        seen[name] = value
    return seen


def identity(item):
    """What two entries of a list must share to be the same thing."""
    if not isinstance(item, dict):
        return None
    if isinstance(item.get("Node"), dict) and isinstance(item.get("Service"), dict):
        return f"{item['Node'].get('Node')}/{item['Service'].get('ID')}"
    if isinstance(item.get("Service"), dict):
        return str(item["Service"].get("ID"))
    for keys in (("Node", "CheckID"), ("Node", "ServiceID"), ("Node",), ("ID",), ("Name",)):
        if all(isinstance(item.get(key), str) for key in keys):
            return "/".join(item[key] for key in keys)
    return None


def compare(consul, rollcall, where):
    """The differences of two values."""
    if isinstance(consul, dict) and isinstance(rollcall, dict):
        for key in sorted(consul.keys() | rollcall.keys()):
            yield from compare(consul.get(key, NOTHING), rollcall.get(key, NOTHING), f"{where}.{key}")
    elif isinstance(consul, list) and isinstance(rollcall, list):
        yield from compare_lists(consul, rollcall, where)
    elif consul != rollcall or isinstance(consul, bool) != isinstance(rollcall, bool):
        yield Difference(where, consul, rollcall)


def compare_lists(consul, rollcall, where):
    names = [identity(each) for each in consul], [identity(each) for each in rollcall]
    if None in names[0] + names[1] or any(len(set(each)) < len(each) for each in names):
        if consul != rollcall and sorted(map(str, consul)) == sorted(map(str, rollcall)):
            yield Difference(f"{where} order", consul, rollcall)
        elif consul != rollcall:
            yield Difference(where, consul, rollcall)
        return
    entries = dict(zip(names[0], consul)), dict(zip(names[1], rollcall))
    for name in sorted(entries[0].keys() | entries[1].keys()):
        yield from compare(entries[0].get(name, NOTHING), entries[1].get(name, NOTHING), f"{where}[{name}]")
    if names[0] != names[1] and sorted(names[0]) == sorted(names[1]):
        yield Difference(f"{where} order", names[0], names[1])


def compare_answers(request, consul, rollcall):
    """The differences of two answers over HTTP."""
    if consul[0] != rollcall[0]:
        # The rest then differs as well.
        yield Difference("status", f"{consul[0]} {consul[2].strip()[:160]}", f"{rollcall[0]} {rollcall[2].strip()[:160]}")
        return
    headers = looks(consul[1]), looks(rollcall[1])
    for name in sorted(headers[0].keys() | headers[1].keys()):
        values = headers[0].get(name, NOTHING), headers[1].get(name, NOTHING)
        if values[0] != values[1]:
            yield Difference(f"header {name}", *values)
    values = parsed(consul[2]), parsed(rollcall[2])
    if isinstance(values[0], NotJson) or isinstance(values[1], NotJson):
        texts = without_ports(consul[2]), without_ports(rollcall[2])
        if texts[0] != texts[1]:
            yield Difference("text", *texts)
        return
    forms = [("\n" in text.strip(), "\": " in text, text.endswith("\n")) for text in (consul[2], rollcall[2])]
    if forms[0] != forms[1]:
        yield Difference("form", consul[2][:60], rollcall[2][:60])
    yield from compare(*(view(request, plain(each)) for each in values), "body")


def read_lines(name):
    """The lines of a file beside this one, each with the name of its part."""
    part = ""
    with open(os.path.join(HERE, name), encoding="utf-8") as file:
        for line in file:
            line = line.rstrip("\n")
            if line.startswith("## "):
                part = line[3:]
            elif line and not line.startswith("#"):
                yield part, line


def read_requests(name):
    for part, line in read_lines(name):
        line = line.replace("ENDPOINT", f"127.0.0.1:{ENDPOINT.server_address[1]}")
        method, _, rest = line.partition(" ")
        path, _, rest = rest.partition(" ")
        headers = {}
        while rest.startswith("["):
            header, _, rest = rest[1:].partition("]")
            rest = rest.lstrip()
            headers.update([header.split(": ", 1)]) if ": " in header else None
        yield part, line, (method, path, headers, rest)


def more_requests():
    """Requests that are too long to be written down."""
    put = "PUT", "/v1/agent/service/register", {}
    own = "/v1/agent/checks?filter=CheckID%3D%3D%22service%3Aweb-1%22"
    yield "65 pairs of meta", (*put, json.dumps({"Name": "bad", "Meta": {f"k{each}": "v" for each in range(65)}}))
    yield "a key of meta of 129 octets", (*put, json.dumps({"Name": "bad", "Meta": {"k" * 129: "v"}}))
    yield "a value of meta of 513 octets", (*put, json.dumps({"Name": "bad", "Meta": {"k": "v" * 513}}))
    yield "a name of 64 octets", (*put, json.dumps({"Name": "n" * 64, "ID": "long"}))
    yield "it leaves", ("PUT", "/v1/agent/service/deregister/long", {}, "")
    yield "a note of 5000 octets", ("PUT", "/v1/agent/check/pass/service:web-1?note=" + "n" * 5000, {}, "")
    yield "what is left of it", ("GET", own, {}, "")
    update = json.dumps({"Status": "passing", "Output": "o" * 5000})
    yield "an output of 5000 octets", ("PUT", "/v1/agent/check/update/service:web-1", {}, update)
    yield "what is left of that", ("GET", own, {}, "")
    yield "no note", ("PUT", "/v1/agent/check/pass/service:web-1", {}, "")


class Play:
    """The requests so far; knows whether a real Consul needs a moment before the next."""

    def __init__(self, servers, report):
        self.servers, self.report, self.unsettled = servers, report, False

    def settle(self):
        if self.unsettled:
            time.sleep(SETTLE_SECONDS)
        self.unsettled = False

    def request(self, part, title, request):
        if request[0] == "GET":
            self.settle()
        elif request[0] in ("PUT", "DELETE"):
            self.unsettled = True
        title_of_it = f"{part} / {title}"
        for left in reversed(range(LOOKS if request[0] == "GET" else 1)):
            answers = [ask(server, request) for server in self.servers]
            differences = compare_answers(request, *answers)
            # On a machine that does other things besides Consul needs more than a moment.
            if left == 0 or not self.report.unexplained("http", title_of_it, differences):
                break
            time.sleep(SETTLE_SECONDS)
        self.report.keep(title, answers)
        self.report.add("http", title_of_it, differences)

    def file(self, name):
        for part, line, request in read_requests(name):
            if line == "settle":
                self.settle()
            elif line.startswith("wait "):
                time.sleep(float(line.partition(" ")[2]))
            else:
                self.request(part, line, request)


# ---- DNS ----


def question(name, kind, how):
    if how == "udp 512":
        return dns.message.make_query(name, kind)
    return dns.message.make_query(name, kind, use_edns=0, payload=4096 if how == "udp 4096" else 1232)


def reply(server, query, how):
    """The reply to a question, or the reason why there is none."""
    try:
        if how.startswith("tcp"):
            return dns.query.tcp(query, "127.0.0.1", port=server.dns, timeout=3)
        return dns.query.udp(query, "127.0.0.1", port=server.dns, timeout=3)
    except Exception as error:  # pylint: disable=broad-exception-caught
        return f"no reply: {type(error).__name__}"


def record_lines(section):
    """The records of a section and their TTLs, sorted: the order is drawn by lot."""
    lines, ttls = [], set()
    for records in section:
        ttls.add(records.ttl)
        for record in records:
            text = record.to_text()
            if records.rdtype == dns.rdatatype.SOA:
                text = " ".join("SERIAL" if place == 2 else each for place, each in enumerate(text.split()))
            if records.rdtype == dns.rdatatype.SRV and record.port in SERVER_PORTS:
                text = text.replace(f" {record.port} ", " PORT ")
            lines.append(f"{records.name} {dns.rdatatype.to_text(records.rdtype)} {text}")
    return sorted(lines), sorted(ttls)


def dns_view(message):
    """What is compared of a reply."""
    if isinstance(message, str):
        return {"reply": message}
    seen = {"rcode": dns.rcode.to_text(message.rcode()), "opcode": dns.opcode.to_text(message.opcode())}
    seen["flags"] = dns.flags.to_text(message.flags)
    seen["edns"] = {"version": message.edns, "payload": message.payload, "options": len(message.options)}
    for name in ("question", "answer", "authority", "additional"):
        section = getattr(message, name)
        if name == "question":
            seen[name] = [str(each) for each in section]
        else:
            seen[name], seen[f"{name} TTL"] = record_lines(section)
    return seen


def compare_replies(consul, rollcall):
    if consul.get("edns", {}).get("version") == rollcall.get("edns", {}).get("version") == -1:
        consul["edns"] = rollcall["edns"] = None
    for section in ("answer", "authority", "additional"):
        yield from compare_sections(section, consul, rollcall)
    for key in sorted(consul.keys() | rollcall.keys()):
        values = consul.get(key, NOTHING), rollcall.get(key, NOTHING)
        if isinstance(values[0], dict) and isinstance(values[1], dict):
            yield from compare(*values, key)
        elif values[0] != values[1]:
            yield Difference(key, *values)


def compare_sections(name, consul, rollcall):
    """The differences of a section, a record each; it is taken out of both replies."""
    records = collections.Counter(consul.pop(name, [])), collections.Counter(rollcall.pop(name, []))
    for record in sorted((records[0] - records[1]).elements()):
        yield Difference(f"{name} record", record, NOTHING)
    for record in sorted((records[1] - records[0]).elements()):
        yield Difference(f"{name} record", NOTHING, record)
    times = consul.pop(f"{name} TTL", []), rollcall.pop(f"{name} TTL", [])
    if records[0] and records[1] and times[0] != times[1]:
        yield Difference(f"{name} TTL", *times)


def odd_questions():
    """Questions that no tool asks by itself."""
    query = question("web.service.consul", "A", "udp 4096")
    query.use_edns(1, payload=4096)
    yield "EDNS version 1", query
    query = dns.message.make_query("web.service.consul", "A", rdclass="CH")
    yield "class CH", query
    query = question("web.service.consul", "A", "udp 512")
    query.set_opcode(dns.opcode.NOTIFY)
    yield "opcode NOTIFY", query
    query = question("web.service.consul", "A", "udp 512")
    query.set_opcode(dns.opcode.STATUS)
    yield "opcode STATUS", query
    query = question("web.service.consul", "A", "udp 512")
    query.set_opcode(dns.opcode.UPDATE)
    yield "opcode UPDATE", query
    query = question("web.service.consul", "A", "udp 4096")
    query.use_edns(0, payload=4096, options=[dns.edns.ECSOption("192.0.2.0", 24)])
    yield "client subnet", query
    query = question("web.service.consul", "A", "udp 4096")
    query.want_dnssec(True)
    yield "DO", query
    query = question("web.service.consul", "A", "udp 512")
    query.flags &= ~dns.flags.RD
    yield "without RD", query
    query = question("web.service.consul", "A", "udp 512")
    query.question = []
    yield "no question", query


def ask_questions(servers, report):
    ways = "udp 512", "udp 4096", "tcp"
    for part, line in read_lines("questions.txt"):
        name, kind, *one = line.split()
        for how in ways:
            query = question(name, kind, how)
            replies = [dns_view(reply(server, query, how)) for server in servers]
            for each in replies if one else []:
                # One of several, drawn by lot.
                each["answer"] = [" ".join(record.split()[:2]) for record in each.get("answer", [])]
            report.add("dns", f"{part} / {line} {how}", compare_replies(*replies))
    for title, query in odd_questions():
        replies = [dns_view(reply(server, query, "udp")) for server in servers]
        report.add("dns", f"odd questions / {title}", compare_replies(*replies))
    query = dns.message.make_query("consul", "AXFR")
    report.add("dns", "odd questions / AXFR tcp", compare_replies(*(dns_view(reply(each, query, "tcp")) for each in servers)))


def ask_many(servers, report):
    """A service of 60 instances does not fit: how much there is in each way, and how it is said."""
    for number in range(60):
        body = {"Name": "many", "ID": f"many-{number}", "Address": f"10.2.0.{number}", "Port": 80 + number}
        for server in servers:
            ask(server, ("PUT", "/v1/agent/service/register", {}, json.dumps(body)))
    time.sleep(4 * SETTLE_SECONDS)
    for kind in ("A", "SRV", "AAAA"):
        for how, payload in (("udp 512", None), ("udp 1232", 1232), ("udp 4096", 4096), ("tcp", None)):
            query = dns.message.make_query("many.service.consul", kind, use_edns=payload is not None, payload=payload or 0)
            found = [dns_counts(reply(server, query, how)) for server in servers]
            report.add("dns", f"many instances / many.service.consul {kind} {how}", compare(*found, "counts"))
    for number in range(60):
        for server in servers:
            ask(server, ("PUT", f"/v1/agent/service/deregister/many-{number}", {}, ""))
    time.sleep(4 * SETTLE_SECONDS)


def dns_counts(message):
    if isinstance(message, str):
        return {"reply": message}
    return {
        "rcode": dns.rcode.to_text(message.rcode()),
        "TC": bool(message.flags & dns.flags.TC),
        "edns": message.edns >= 0,
        "answers": sum(len(each) for each in message.answer),
        "additional": sum(len(each) for each in message.additional),
    }


# ---- waiting ----

WATCHES = (
    "/v1/health/service/waited",
    "/v1/health/service/waited?passing",
    "/v1/health/service/bystander",
    "/v1/health/service/never",
    "/v1/catalog/service/waited",
    "/v1/catalog/service/bystander",
    "/v1/catalog/services",
    "/v1/catalog/nodes",
    "/v1/catalog/node/node-1",
    "/v1/catalog/node/ext-5",
    "/v1/health/checks/waited",
    "/v1/health/checks/bystander",
    "/v1/health/node/node-1",
    "/v1/health/node/ext-5",
    "/v1/health/state/any",
    "/v1/health/state/critical",
)
WAIT_SECONDS = 1.2
WAITED = {"ID": "waited-1", "Name": "waited", "Address": "10.3.0.1", "Port": 1, "Tags": ["a"], "Check": {"TTL": "600s"}}
SECOND = {**WAITED, "ID": "waited-2", "Address": "10.3.0.2"}
BYSTANDER = {"ID": "bystander-1", "Name": "bystander", "Address": "10.3.1.1", "Port": 1}


def registers(service):
    return "PUT", "/v1/agent/service/register", {}, json.dumps(service)


def puts(path, body=None):
    return "PUT", path, {}, "" if body is None else json.dumps(body)


# What happens while the watches wait: a title, a request.
EVENTS = (
    ("an instance passes", puts("/v1/agent/check/pass/service:waited-1")),
    ("it passes again", puts("/v1/agent/check/pass/service:waited-1")),
    ("it is registered again", registers(WAITED)),
    ("it has another tag", registers({**WAITED, "Tags": ["b"]})),
    ("a second instance comes", registers(SECOND)),
    ("a check of it comes", puts("/v1/agent/check/register", {"Name": "extra", "TTL": "600s", "ServiceID": "waited-2"})),
    ("a check of it goes", puts("/v1/agent/check/deregister/extra")),
    ("it is in maintenance", puts("/v1/agent/service/maintenance/waited-2?enable=true")),
    ("its maintenance is over", puts("/v1/agent/service/maintenance/waited-2?enable=false")),
    ("it goes", puts("/v1/agent/service/deregister/waited-2")),
    ("another service comes", registers({**BYSTANDER, "ID": "new-1", "Name": "new"})),
    ("another service goes", puts("/v1/agent/service/deregister/new-1")),
    ("the node is in maintenance", puts("/v1/agent/maintenance?enable=true")),
    ("the node's maintenance is over", puts("/v1/agent/maintenance?enable=false")),
    ("another node comes", puts("/v1/catalog/register", {"Node": "ext-7", "Address": "10.1.0.7"})),
    ("another node goes", puts("/v1/catalog/deregister", {"Node": "ext-7"})),
    ("a mistake is refused", registers({"Name": "bad", "Bogus": 1})),
    ("an instance fails", puts("/v1/agent/check/fail/service:waited-1")),
    ("it goes and with it its service", puts("/v1/agent/service/deregister/waited-1")),
    ("the service is there again", registers(WAITED)),
)


def watch(server, path, seen):
    """Waits for a change of one list; notes whether it came, and what the index did."""
    mark = "&" if "?" in path else "?"
    index = int(ask(server, ("GET", path, {}, ""))[1].get("x-consul-index", 0))
    start = time.monotonic()
    answer = ask(server, ("GET", f"{path}{mark}index={index}&wait={int(WAIT_SECONDS * 1000)}ms", {}, ""))
    seconds = time.monotonic() - start
    after = int(answer[1].get("x-consul-index", 0))
    move = "grew" if after > index else "stayed" if after == index else "fell"
    seen[path] = f"{'woke' if seconds < WAIT_SECONDS * 0.9 else 'held'}, its index {move}"


def watch_event(server, request, seen):
    threads = [threading.Thread(target=watch, args=(server, path, seen)) for path in WATCHES]
    for thread in threads:
        thread.start()
    time.sleep(0.4)
    ask(server, request)
    for thread in threads:
        thread.join()


def wait_for_changes(servers, report):
    for server in servers:
        for service in (WAITED, BYSTANDER):
            ask(server, registers(service))
    time.sleep(4 * SETTLE_SECONDS)
    for title, request in EVENTS:
        seen = [{}, {}]
        threads = [threading.Thread(target=watch_event, args=(server, request, seen[place]))
                   for place, server in enumerate(servers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for path in WATCHES:
            report.add("waiting", f"{title} / {path}", compare(seen[0][path], seen[1][path], "watch"))
    for server in servers:
        for name in ("waited-1", "bystander-1"):
            ask(server, puts(f"/v1/agent/service/deregister/{name}"))
    for server_pair in ("/v1/health/service/never?index=4611686018427387904&wait=500ms", "/v1/catalog/nodes?index=4611686018427387904&wait=500ms"):
        report.add("waiting", f"an index in the future / {server_pair}",
                   compare(*(held_for(each, server_pair) for each in servers), "watch"))
    for path in ("/v1/agent/service/web-1", "/v1/agent/service/web-2"):
        report.add("waiting", f"a hash / {path}", compare(*(hash_held(each, path) for each in servers), "watch"))


def held_for(server, path):
    start = time.monotonic()
    answer = ask(server, ("GET", path, {}, ""))
    return f"{answer[0]}, {'held' if time.monotonic() - start > 0.4 else 'at once'}"


def hash_held(server, path):
    value = ask(server, ("GET", path, {}, ""))[1].get("x-consul-contenthash", NOTHING)
    return held_for(server, f"{path}?hash={value}&wait=500ms"), held_for(server, f"{path}?hash=other&wait=500ms")


# ---- reasons ----


def told(kind, title, difference):
    where, consul, rollcall = difference
    return f"{kind} / {title} / {where}: consul {show(consul)} rollcall {show(rollcall)}"


class Report:
    """Differences, and the reasons for them."""

    def __init__(self):
        self.reasons, self.counts, self.lines = [], collections.Counter(), []
        for _, line in read_lines("reasons.txt"):
            if line.startswith("    "):
                self.reasons.append((re.compile(line.strip()), reason))
            else:
                reason = line
        self.unused = {pattern.pattern for pattern, _ in self.reasons}

    def reason(self, text):
        for pattern, reason in self.reasons:
            if pattern.search(text):
                self.unused.discard(pattern.pattern)
                return reason
        return None

    def unexplained(self, kind, title, differences):
        texts = (told(kind, title, difference) for difference in differences)
        return any(self.reason(text) is None for text in texts)

    def keep(self, title, answers):
        if not os.environ.get("ANSWERS"):
            return
        with open(os.environ["ANSWERS"], "a", encoding="utf-8") as file:
            for name, (status, headers, body) in zip(("consul", "rollcall"), answers):
                told = {key: each for key, each in headers.items() if key not in IGNORED_HEADERS}
                file.write(f"{title}\n  {name} {status} {json.dumps(told)}\n  {body}\n")

    def add(self, kind, title, differences):
        bad = []
        for where, consul, rollcall in differences:
            text = told(kind, title, (where, consul, rollcall))
            reason = self.reason(text)
            self.counts[reason or "none"] += 1
            self.lines.append(f"{reason or 'NO REASON'}\n    {text}")
            if reason is None:
                bad.append(f"{where}: consul {show(consul)} rollcall {show(rollcall)}")
        print(f"FAILED {kind} / {title[:200]}: {'; '.join(bad)[:1500]}" if bad else f"ok {title}", flush=True)


def show(value):
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def main():
    ports = [int(each) for each in sys.argv[1:5]]
    servers = [Server("consul", *ports[:2]), Server("rollcall", *ports[2:])]
    socket.setdefaulttimeout(20)
    report = Report()
    play = Play(servers, report)
    for server in servers:
        own = json.loads(ask(server, ("GET", "/v1/catalog/service/consul", {}, ""))[2])
        SERVER_PORTS.add(own[0].get("ServicePort"))
    play.file("requests.txt")
    for title, request in more_requests():
        play.request("long requests", title, request)
    play.settle()
    ask_questions(servers, report)
    ask_many(servers, report)
    wait_for_changes(servers, report)
    play.file("farewells.txt")
    for reason, count in report.counts.most_common():
        print(f"{count:5} differences: {reason}")
    for pattern in sorted(report.unused) if os.environ.get("AGAINST") != "consul" else ():
        print(f"a reason that nothing needs: {pattern}")
    if os.environ.get("DIFFERENCES"):
        with open(os.environ["DIFFERENCES"], "w", encoding="utf-8") as file:
            file.write("\n".join(report.lines) + "\n")


main()
