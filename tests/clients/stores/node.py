"""A rollcall under test."""
import os
import re
import signal
import subprocess
import time

from .wire import A, ask, request

READY = re.compile(r' ready http=[^ ]*:(\d+) dns="[^",]*:(\d+)')


class Node:
    """One server, on a store. `settings` are the variables that say where the store is."""

    def __init__(self, program, store, directory, name, settings):
        self.program, self.store, self.directory, self.name, self.settings = program, store, directory, name, settings
        self.process = self.port = self.dns = None
        self.log = os.path.join(directory, f"{store}-{name}.log")

    def start(self):
        """Starts it on ports that are free, and waits until it is ready."""
        variables = {"HOME": self.directory, "ROLLCALL_NODE_NAME": self.name, "ROLLCALL_MINOS_CHECK": "none",
                     "ROLLCALL_DATA_DIR": os.path.join(self.directory, f"{self.store}-{self.name}"), **self.settings}
        with open(self.log, "ab") as log:
            written = log.tell()
            self.process = subprocess.Popen(
                [self.program, "serve", "--store", self.store, "--http", "127.0.0.1:0", "--dns", "127.0.0.1:0"],
                env=variables, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log)
        end = time.monotonic() + 30
        while time.monotonic() < end and self.process.poll() is None:
            with open(self.log, errors="replace") as log:
                log.seek(written)
                if ready := READY.search(log.read()):
                    self.port, self.dns = int(ready[1]), int(ready[2])
                    return self
            time.sleep(0.05)
        self.stop(signal.SIGKILL)
        with open(self.log, errors="replace") as log:
            raise RuntimeError(f"{self.name} does not start: {log.read()[-500:]}")

    def stop(self, with_signal=signal.SIGTERM):
        if self.process:
            self.process.send_signal(with_signal)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process = None

    def restart(self, with_signal=signal.SIGTERM):
        self.stop(with_signal)
        return self.start()

    def panicked(self):
        with open(self.log, errors="replace") as log:
            return "panicked" in log.read()

    # ---- what is asked of it ----

    def call(self, method, path, body=None, **more):
        return request(self.port, method, path, body, **more)

    def get(self, path):
        return self.call("GET", path)

    def json(self, path):
        return self.get(path).json

    def digest(self):
        """How many hosts, and the digest of them."""
        found = self.json("/v1/digest") or {}
        return found.get("hosts"), found.get("digest")

    def revision(self):
        return (self.json("/v1/digest") or {}).get("revision", 0)

    def rows(self, service):
        """The rows of a service, by origin and id."""
        found = self.json(f"/v1/hosts/{service}") or {}
        return {(row["origin"], row["id"]): row for row in found.get("hosts", [])}

    def row(self, service, identity, origin="native"):
        return self.rows(service).get((origin, identity))

    def ask(self, name, kind=A):
        return ask(self.dns, name, kind)

    def addresses(self, service):
        """What DNS says."""
        return self.ask(f"{service}.service.local").addresses
