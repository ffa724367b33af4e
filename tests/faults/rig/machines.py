"""Machines: network namespaces joined by a bridge, with a process on each. Needs root, and a network of the caller's own.

A wire is cut by taking the link of a machine down, or, between two machines, by an entry in the table of neighbors that leads
nowhere: what is sent is lost without a word, as in a network that fails, and what comes the other way is not touched.
"""
import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import time

CLONE_NEWNET = 0x40000000
NOWHERE = "02:00:00:00:00:99"
HTTP_PORT, DNS_PORT, ETCD_PORT, PEER_PORT = 8500, 8600, 2379, 2380

libc = ctypes.CDLL(None, use_errno=True)


def run(*command, check=True):
    """A command that is done at once."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30, check=False)
    if check and done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip() or done.stdout.strip()}")
    return done


def enter(file):
    if libc.setns(file, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


class Machine:
    """A network namespace with one address, and at most one process."""

    home = None

    def __init__(self, name, address, folder):
        self.name, self.address, self.folder = name, address, folder
        self.process = None
        self.stopped = False
        self.log = os.path.join(folder, f"{name}.log")
        with open(self.log, "wb"):
            pass
        run("ip", "netns", "add", name)
        run("ip", "link", "add", f"v-{name}", "type", "veth", "peer", "name", "eth0", "netns", name)
        run("ip", "link", "set", f"v-{name}", "master", "bridge0")
        run("ip", "link", "set", f"v-{name}", "up")
        run("ip", "-n", name, "address", "add", f"{address}/24", "dev", "eth0")
        run("ip", "-n", name, "link", "set", "lo", "up")
        run("ip", "-n", name, "link", "set", "eth0", "up")
        self.namespace = os.open(f"/run/netns/{name}", os.O_RDONLY)
        if Machine.home is None:
            Machine.home = os.open("/proc/self/ns/net", os.O_RDONLY)

    def socket(self, kind):
        """A socket of this machine, which works however the machine's wires are: its peers are on the machine."""
        enter(self.namespace)
        try:
            made = socket.socket(socket.AF_INET, kind)
        finally:
            enter(Machine.home)
        made.setblocking(False)
        return made

    # ---- the process ----

    def command(self):
        """The command of the process, and its environment."""
        raise NotImplementedError

    def start(self):
        if self.process is not None:
            return
        command, environment = self.command()
        with open(self.log, "ab") as log:
            log.write(f"---- started at {time.monotonic():.3f}\n".encode())
            log.flush()
            self.process = subprocess.Popen(
                ["ip", "netns", "exec", self.name, *command], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={"PATH": os.environ["PATH"], "HOME": self.folder, **environment}
            )
        self.stopped = False

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None
            self.stopped = False

    def terminate(self):
        """An end with all that belongs to it; its exit code."""
        code = None
        if self.process is not None:
            self.resume()
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                code = self.process.wait(timeout=10)
            self.kill()
        return code

    def died(self):
        """The exit code of a process that ended by itself."""
        return None if self.process is None else self.process.poll()

    def stop(self):
        if self.process is not None:
            self.process.send_signal(signal.SIGSTOP)
            self.stopped = True

    def resume(self):
        if self.process is not None and self.stopped:
            self.process.send_signal(signal.SIGCONT)
        self.stopped = False

    # ---- the wires ----

    def unplug(self):
        run("ip", "link", "set", f"v-{self.name}", "down")

    def plug(self):
        run("ip", "link", "set", f"v-{self.name}", "up")

    def lose(self, other):
        """What is sent to the other machine is lost from now on."""
        run("ip", "-n", self.name, "neighbor", "replace", other.address, "lladdr", NOWHERE, "nud", "permanent", "dev", "eth0")

    def find(self, other):
        run("ip", "-n", self.name, "neighbor", "del", other.address, "dev", "eth0", check=False)

    def close(self):
        self.resume()
        self.kill()
        os.close(self.namespace)
        run("ip", "netns", "del", self.name, check=False)


class Member(Machine):
    """A member of the etcd."""

    def __init__(self, number, folder, programs, data):
        super().__init__(f"etcd{number}", f"10.77.0.{10 + number}", folder)
        self.program = programs["etcd"]
        self.data = os.path.join(data, self.name)
        self.cluster = None

    def join(self, members):
        self.cluster = ",".join(f"{each.name}=http://{each.address}:{PEER_PORT}" for each in members)

    def command(self):
        peer, client = f"http://{self.address}:{PEER_PORT}", f"http://{self.address}:{ETCD_PORT}"
        return [
            self.program, "--name", self.name, "--data-dir", self.data, "--initial-cluster", self.cluster,
            "--initial-cluster-state", "new", "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
            "--listen-client-urls", f"{client},http://127.0.0.1:{ETCD_PORT}", "--advertise-client-urls", client
        ], {}


class Node(Machine):
    """A node of rollcall."""

    def __init__(self, number, folder, programs, members, store):
        super().__init__(f"node{number}", f"10.77.0.{20 + number}", folder)
        self.program, self.store = programs["rollcall"], store
        self.endpoints = ",".join(f"http://{each.address}:{ETCD_PORT}" for each in members)

    def command(self):
        return [
            self.program, "serve", "--store", self.store, "--http", f"127.0.0.1:{HTTP_PORT}", "--dns", f"127.0.0.1:{DNS_PORT}"
        ], {"ROLLCALL_NODE_NAME": self.name, **({"ROLLCALL_ETCD_ENDPOINTS": self.endpoints} if self.store == "etcd" else {})}


class Site:
    """All machines, from their making to their end."""

    def __init__(self, folder, programs, members=3, nodes=3, store="etcd"):
        run("ip", "link", "add", "bridge0", "type", "bridge")
        run("ip", "link", "set", "bridge0", "up")
        run("ip", "link", "set", "lo", "up")
        # The disk of this machine is no part of the test; what a killed process wrote is still there.
        data = os.path.join(folder, "data")
        os.makedirs(data, exist_ok=True)
        run("mount", "-t", "tmpfs", "tmpfs", data)
        self.data = data
        self.members = [Member(number, folder, programs, data) for number in range(1, members + 1)]
        for member in self.members:
            member.join(self.members)
        self.nodes = [Node(number, folder, programs, self.members, store) for number in range(1, nodes + 1)]

    @property
    def machines(self):
        return self.members + self.nodes

    def close(self):
        for machine in self.machines:
            machine.close()
        run("ip", "link", "del", "bridge0", check=False)
        run("umount", self.data, check=False)
