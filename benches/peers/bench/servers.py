"""How each server is configured, started and filled. One function a server."""

import json
import os
import re
import shutil
import subprocess
import tempfile
import urllib.request

from . import data as forms
from .load import Load
from .process import Failed, Server, ask, free_port
from .settings import HERE, PROGRAMS, ROLLCALL, ROOT, say


def first_question(data, kind="A"):
    return f"{forms.name(data.services - 1)}.service.local {kind}"


class Rollcall(Server):
    """The server that is measured; can be stopped and started again on its file."""

    def __init__(self, processors, store="memory"):
        super().__init__("rollcall", processors)
        self.store, self.batches, self.refusal = store, False, None

    def start(self):
        threads = len(self.processors)
        self.spawn(
            [
                ROLLCALL,
                "serve",
                "--http",
                "127.0.0.1:0",
                "--dns",
                "127.0.0.1:0",
                "--store",
                self.store,
                "--data-dir",
                os.path.join(self.folder, "table"),
                "--threads",
                threads,
            ],
            {"HOME": self.folder},
        )
        ready = self.until(
            "ready", lambda: re.search(r' ready http=\S+:(\d+) dns="[^":]*:(\d+)', self.log()), 120, 0.002
        )
        self.http, self.dns = int(ready[1]), int(ready[2])
        return self

    def fill(self, data, processors):
        """Registers all hosts, a hundred a request where it can do that."""
        self.find_batches(processors)
        rows = data.rows()
        lines = (
            (forms.batch(pile) for pile in forms.in_batches(rows))
            if self.batches
            else (forms.single(*row) for row in rows)
        )
        self.register(lines, processors)
        self.until_answered(first_question(data))

    def register(self, lines, processors, **options):
        """Sends each line once; returns the report."""
        with tempfile.NamedTemporaryFile("w", dir=self.folder, buffering=1 << 20) as file:
            file.writelines(lines)
            file.flush()
            options = {"connections": 64, "window": 64, "block": True} | options
            return Load("http", self.http, file.name, processors, once=True, **options).result()

    def find_batches(self, processors):
        """Whether there is a call that takes many hosts; `refusal` says why not."""
        try:
            self.register(
                [forms.batch([("svc-000000", "host-0", forms.address(0))])], processors, connections=1, window=1
            )
            self.batches = True
        except Failed as refusal:
            self.refusal = str(refusal).split("such as HTTP/1.1 ")[-1].splitlines()[0]


def nsd(processors, data):
    server = Server("nsd", processors)
    server.dns = free_port()
    server.spawn(
        [
            "nsd",
            "-d",
            "-c",
            server.write(
                "nsd.conf",
                f"""server:
  server-count: {len(processors)}
  ip-address: 127.0.0.1@{server.dns}
  reuseport: yes
  username: ""
  zonesdir: "{server.folder}"
  database: ""
  logfile: "{server.folder}/nsd.log"
  pidfile: "{server.folder}/nsd.pid"
  xfrdfile: "{server.folder}/xfrd.state"
  zonelistfile: "{server.folder}/zone.list"
  rrl-ratelimit: 0
  tcp-count: 512
  do-ip6: no
remote-control:
  control-enable: no
zone:
  name: service.local
  zonefile: {data.zone}
""",
            ),
        ]
    )
    return server


def knot(processors, data):
    server = Server("knot", processors)
    server.dns = free_port()
    threads = len(processors)
    server.spawn(
        [
            "knotd",
            "-c",
            server.write(
                "knot.conf",
                f"""server:
    rundir: "{server.folder}"
    listen: 127.0.0.1@{server.dns}
    udp-workers: {threads}
    tcp-workers: {threads}
    background-workers: 1
    tcp-max-clients: 512
log:
  - target: stderr
    any: warning
database:
    storage: "{server.folder}/db"
zone:
  - domain: service.local
    file: {data.zone}
    zonefile-sync: -1
    journal-content: none
""",
            ),
        ]
    )
    return server


def coredns(processors, data):
    server = Server("coredns", processors)
    server.dns = free_port()
    corefile = server.write(
        "Corefile",
        f"service.local:{server.dns} {{\n  bind 127.0.0.1\n  file {data.zone} service.local\n  loadbalance\n}}\n",
    )
    server.spawn([built("coredns"), "-quiet", "-conf", corefile], os.environ | {"GOMAXPROCS": str(len(processors))})
    return server


def consul(processors, data, generator):
    """One server, its catalog filled by transactions of 32 hosts, the quickest documented way.

    Its name for a host is that of a node; its `udp_answer_limit` would draw three answers by lot.
    """
    server = Server("consul", processors)
    port = free_port()
    rpc, gossip = free_port(), free_port()
    server.dns, server.http = port, port + 1
    configuration = server.write(
        "consul.json",
        json.dumps(
            {
                "server": True,
                "bootstrap": True,
                "domain": "local",
                "bind_addr": "127.0.0.1",
                "client_addr": "127.0.0.1",
                "data_dir": f"{server.folder}/table",
                "node_name": "node-1",
                "log_level": "ERR",
                "disable_update_check": True,
                "connect": {"enabled": False},
                "performance": {"raft_multiplier": 1},
                "dns_config": {"udp_answer_limit": 100},
                "ports": {
                    "dns": server.dns,
                    "http": server.http,
                    "server": rpc,
                    "serf_lan": gossip,
                    "serf_wan": -1,
                    "grpc": -1,
                    "grpc_tls": -1,
                },
            }
        ),
    )
    server.spawn(
        [built("consul"), "agent", "-config-file", configuration], os.environ | {"GOMAXPROCS": str(len(processors))}
    )
    server.until(
        "a leader", lambda: _get(f"http://127.0.0.1:{server.http}/v1/status/leader") not in (None, b'""'), 60, 0.2
    )
    with open(os.path.join(server.folder, "requests"), "w") as file:
        for pile in forms.in_batches(data.rows(), 32):
            operations = []
            for service, host, at in pile:
                node = f"{service}-{host}"
                operations.append({"Node": {"Verb": "set", "Node": {"Node": node, "Address": at}}})
                entry = {"ID": service, "Service": service, "Address": at, "Port": forms.PORT}
                operations.append({"Service": {"Verb": "set", "Node": node, "Service": entry}})
            file.write("PUT /v1/txn " + json.dumps(operations, separators=(",", ":")) + "\n")
    Load("http", server.http, file.name, generator, once=True, block=True, connections=8, window=8).result()
    return server


def udp_floor(processors, octets_a, octets_srv):
    server = Server("floor", processors)
    server.dns = free_port()
    server.spawn(
        [
            PROGRAMS / "udp-floor",
            "--listen",
            f"127.0.0.1:{server.dns}",
            "--threads",
            len(processors),
            "--a",
            octets_a,
            "--srv",
            octets_srv,
        ]
    )
    return server


def http_floor(processors):
    server = Server("http-floor", processors)
    server.http = free_port()
    server.spawn([PROGRAMS / "http-floor", "--listen", f"127.0.0.1:{server.http}", "--threads", len(processors)])
    server.until("listening", lambda: _get(f"http://127.0.0.1:{server.http}/") is not None, 10)
    return server


def octets_of(server, data, kind):
    return ask(server.dns, first_question(data, kind))


def is_installed(command):
    return shutil.which(command) is not None


def build(name):
    """Builds a server of its Go module where that was not done before; says whether it is there."""
    script = {"coredns": HERE / "coredns.sh", "consul": ROOT / "tests/clients/consul/real-consul.sh"}[name]
    say(f"looking for {name}; the first time it is built, which takes minutes")
    found = subprocess.run([script], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    path = re.search(rf"^{name}=(.*)$", found.stdout, re.MULTILINE)
    if found.returncode != 0 or not path:
        say(f"missing, and left out: {name}: {(found.stdout + found.stderr).strip()[-300:]}")
        return False
    _built[name] = path[1]
    return True


_built = {}


def built(name):
    return _built[name]


def _get(url):
    """The body, also of an error; none if nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return answer.read()
    except urllib.error.HTTPError as error:
        return error.read()
    except OSError:
        return None
