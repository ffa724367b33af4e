"""Takes the place of the conftest.py of py-consul's tests, which starts Consul in containers: a fresh server a test, on
port 8500, which is also what its checks ask. COMMAND is what is started as `consul`."""
import collections
import json
import os
import subprocess
import time

import pytest
import requests

ConsulInstance = collections.namedtuple("ConsulInstance", ["container", "port", "version"])
BASE = "http://127.0.0.1:8500/v1"


def configuration(directory):
    return {
        "node_name": "node-1",
        "node_id": "6f3a2c51-0b7d-4f18-9d6e-2f1b8a94c0de",
        "server": True,
        "bootstrap": True,
        "bind_addr": "127.0.0.1",
        "data_dir": f"{directory}/data",
        "ports": {"http": 8500, "dns": 8600, "grpc": -1, "grpc_tls": -1},
        "performance": {"raft_multiplier": 1},
        "enable_script_checks": True,
        "disable_update_check": True,
    }


def ready():
    try:
        checks = requests.get(f"{BASE}/health/service/consul", timeout=5)
        return checks.status_code == 200 and "serfHealth" in checks.text
    except requests.RequestException:
        return False


@pytest.fixture
def consul_instance(tmp_path):
    path = tmp_path / "consul.json"
    path.write_text(json.dumps(configuration(tmp_path)))
    with open(tmp_path / "log", "w", encoding="utf-8") as log:
        server = subprocess.Popen([os.environ["COMMAND"], "agent", "-config-file", path], stdout=log, stderr=log)
    deadline = time.monotonic() + 20
    while not ready():
        assert server.poll() is None and time.monotonic() < deadline, (tmp_path / "log").read_text()[-2000:]
        time.sleep(0.05)
    version = requests.get(f"{BASE}/agent/self", timeout=5).json()["Config"]["Version"].strip()
    yield ConsulInstance(None, 8500, version)
    server.terminate()
    server.wait(20)


@pytest.fixture
def consul_port(consul_instance):
    return consul_instance.port, consul_instance.version
