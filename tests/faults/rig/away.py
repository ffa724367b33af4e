"""All of etcd is killed for minutes, under questions: none fails, no host is missing, and afterwards all is as before."""
import asyncio
import collections
import random

from . import calm, history, summary, wire
from .checker import STALE, UNMARKED, Fault
from .history import now
from .machines import DNS_PORT, ETCD_PORT, HTTP_PORT, Site
from .nemesis import Nemesis

SERVICES, HOSTS, TTL = 40, 5, 15.0
# A refused write takes no longer.
AT_ONCE = 0.5
# Watched after the return, so that leases could end.
AFTERWARDS = 30.0


class Away:
    """One run."""

    def __init__(self, options, folder):
        self.options = options
        self.site = Site(options.keep or folder, {"rollcall": options.rollcall, "etcd": options.etcd})
        self.rng = random.Random(options.seed)
        self.nemesis = Nemesis(self.site, history.History(), self.rng)
        self.expected = {f"s{service}": sorted(f"10.1.{service}.{host + 1}" for host in range(HOSTS)) for service in range(SERVICES)}
        self.counts, self.faults, self.refusals = collections.Counter(), [], []
        self.since = None

    def complain(self, kind, text):
        self.counts[kind] += 1
        self.faults.append(Fault(kind, now(), text))

    async def start(self):
        await calm.begin(self.site, self.nemesis)
        for service, addresses in self.expected.items():
            for address in addresses:
                await self.register(self.rng.choice(self.site.nodes), service, address)
        measured = await calm.until_equal(self.site, self.nemesis.history, now())
        if measured["why"]:
            raise RuntimeError(f"not equal before it began: {measured['why']}")

    async def register(self, node, service, address):
        body = {"address": address, "port": 80, "ttl": f"{TTL:.0f}s"}
        reply = await wire.call(node, HTTP_PORT, "PUT", f"/v1/hosts/{service}/{address}", body)
        if reply.status not in (200, 201):
            raise RuntimeError(f"{service}/{address} was not registered: {reply.status} {reply.body!r}")

    # ---- clients ----

    async def ask_all(self, node, resolver, rate):
        names, turn, waiting, at = list(self.expected), 0, set(), now()
        while True:
            task = asyncio.create_task(self.ask(node, resolver, names[turn % len(names)]))
            waiting.add(task)
            task.add_done_callback(waiting.discard)
            turn, at = turn + 1, max(at + 1.0 / rate, now() - 0.5)
            await asyncio.sleep(max(0.0, at - now()))

    async def ask(self, node, resolver, service):
        begin, away_since = now(), self.since
        answer = await resolver.ask(f"{service}.service.local")
        self.counts["questions"] += 1
        if answer is None or answer.rcode not in ("NOERROR", "NXDOMAIN") or answer.truncated:
            self.complain("failed query", f"{node.name} {service}: {answer.rcode if answer else 'no answer'}")
        elif sorted(answer.addresses) != self.expected[service]:
            self.complain("wrong answer", f"{node.name} {service}: {answer.addresses}")
        elif away_since is not None and self.since is not None:
            self.counts["answers while etcd was away"] += 1
            self.counts["of them marked as stale"] += STALE in answer.errors
            if STALE not in answer.errors and begin > away_since + UNMARKED:
                self.complain("not marked as stale", f"{node.name} {service}")

    async def beat(self, service, address):
        await asyncio.sleep(self.rng.uniform(0.0, TTL / 3))
        while True:
            node = self.rng.choice(self.site.nodes)
            reply = await wire.call(node, HTTP_PORT, "POST", f"/v1/hosts/{service}/{address}/renew")
            self.counts["renewals"] += 1
            if reply.status != 200:
                self.complain("refused renewal", f"{node.name} {service}/{address}: {reply.status} {reply.body[:100]!r}")
            await asyncio.sleep(TTL / 3)

    async def probe(self, node):
        """What a node says of itself, and to a write, while the engine is away."""
        ready = await wire.call(node, HTTP_PORT, "GET", "/readyz")
        if ready.status != 200 or b"degraded" not in ready.body:
            self.complain("readyz", f"{node.name}: {ready.status} {ready.body[:200]!r}")
        begin = now()
        reply = await wire.call(node, HTTP_PORT, "PUT", "/v1/hosts/probe/p", {"address": "10.2.0.1", "port": 80})
        self.refusals.append(now() - begin)
        if reply.status != 503 or "retry-after" not in reply.headers or self.refusals[-1] > AT_ONCE:
            self.complain("write", f"{node.name}: {reply.status} {reply.headers} after {self.refusals[-1]:.2f} s")

    async def outage(self):
        print(f"  etcd is killed for {self.options.minutes:g} minutes", flush=True)
        self.since = now()
        for member in self.site.members:
            self.nemesis.harm(member, "kill")
        end = now() + self.options.minutes * 60
        await asyncio.sleep(min(UNMARKED, self.options.minutes * 30))
        while now() < end:
            for node in self.site.nodes:
                await self.probe(node)
            await asyncio.sleep(min(5.0, max(end - now(), 0.0)))

    async def come_back(self):
        for member in self.site.members:
            self.nemesis.heal(member, "start")
        self.since = None
        measured = await calm.until_equal(self.site, self.nemesis.history, now())
        print(f"  etcd served {measured['served']:.2f} s after its start, tables were equal {measured['after']:.2f} s later", flush=True)
        if measured["why"] or measured["after"] > self.options.within:
            self.complain("not equal in time", measured["why"] or f"{measured['after']:.2f} s")
        before, at = await self.handled(), now()
        await asyncio.sleep(AFTERWARDS)
        after = await self.handled()
        print(f"  {(after - before) / (now() - at):.1f} requests a second at etcd in the {AFTERWARDS:.0f} s after that", flush=True)
        measured = await calm.until_equal(self.site, self.nemesis.history, now())
        if measured["why"]:
            self.complain("not equal any more", measured["why"])

    async def handled(self):
        """How many requests all members have handled, and messages of streams."""
        total = 0.0
        for member in self.site.members:
            reply = await wire.call(member, ETCD_PORT, "GET", "/metrics")
            for line in reply.body.decode().splitlines():
                if line.startswith(("grpc_server_handled_total", "grpc_server_msg_received_total")) and "Maintenance" not in line:
                    total += float(line.rpartition(" ")[2])
        return total

    async def play(self):
        await self.start()
        rate = (self.options.rate or 1000.0) / len(self.site.nodes)
        tasks = [asyncio.create_task(self.beat(service, address)) for service, found in self.expected.items() for address in found]
        for node in self.site.nodes:
            resolver = await wire.Resolver(node, DNS_PORT).open()
            tasks.append(asyncio.create_task(self.ask_all(node, resolver, rate)))
        await asyncio.sleep(5.0)
        begin, asked = now(), self.counts["questions"]
        await self.outage()
        self.counts["questions a second in the outage"] = round((self.counts["questions"] - asked) / (now() - begin))
        await self.come_back()
        for task in tasks:
            task.cancel()
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(result, Exception):
                raise result

    def close(self):
        self.nemesis.close()
        self.site.close()


async def play(options, folder):
    """Whether all was as it should be."""
    run = Away(options, folder)
    try:
        await run.play()
    finally:
        run.close()
    if run.refusals:
        run.counts["writes refused"] = len(run.refusals)
        run.counts["slowest refusal, ms"] = round(max(run.refusals) * 1000)
    summary.print_counts(run.counts, ["questions"])
    summary.print_faults(run.faults)
    print(f"{len(run.faults)} faults found")
    return not run.faults
