"""Clients on the machine of each node: owners of hosts, each of which does one thing at a time, and those who ask."""
import asyncio

from . import wire
from .history import now
from .machines import DNS_PORT, HTTP_PORT

SERVICES, HOSTS = 12, 5
# Of what an owner does when its time has come, how often it is something else than a plain renewal.
AGAIN, CHANGE, LEAVE, FALL_SILENT = 0.15, 0.08, 0.07, 0.01
# A renewal is given up for another node after the first, a write after the second.
RENEWAL_TIMEOUT, WRITE_TIMEOUT = 1.5, 3.0
# A node that did not answer is left alone for so long.
SHUNNED = 3.0


class Load:
    """The clients. While `paused`, hosts are renewed and nothing else is done to them; while `calm`, what was begun goes on."""

    def __init__(self, site, history, rng, rate):
        self.site, self.history, self.rng, self.rate = site, history, rng, rate
        self.paused, self.calm, self.writing = False, False, 0
        self.silent = 0
        self.addresses = iter(f"10.{a}.{b}.{c}" for a in range(1, 250) for b in range(256) for c in range(1, 255))
        self.shunned = {}
        self.tasks, self.questions = [], set()

    async def start(self):
        for service in range(SERVICES):
            for number in range(HOSTS):
                owner = Owner(self, f"s{service}", f"h{number}", self.rng.choice([10.0, 12.0, 15.0]))
                self.tasks.append(asyncio.create_task(owner.live()))
        for node in self.site.nodes:
            resolver = await wire.Resolver(node, DNS_PORT).open()
            self.tasks.append(asyncio.create_task(self.ask_all(node, resolver)))

    async def stop(self):
        for task in self.tasks:
            task.cancel()
        results = await asyncio.gather(*self.tasks, *self.questions, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                raise result

    async def pause(self):
        """Returns when no write is on its way."""
        self.paused = True
        while self.writing:
            await asyncio.sleep(0.01)

    # ---- questions ----

    async def ask_all(self, node, resolver):
        """Steady, whether answers come or not."""
        turn, at = 0, now()
        while True:
            task = asyncio.create_task(self.ask(node, resolver, f"s{turn % SERVICES}"))
            self.questions.add(task)
            task.add_done_callback(self.questions.discard)
            turn, at = turn + 1, max(at + 1.0 / self.rate, now() - 1.0)
            await asyncio.sleep(max(0.0, at - now()))

    async def ask(self, node, resolver, service):
        begin = now()
        answer = await resolver.ask(f"{service}.service.local")
        self.history.add(
            "ask", service=service, node=node.name, begin=begin, end=now(), rcode=answer.rcode if answer else None,
            addresses=answer.addresses if answer else [], errors=answer.errors if answer else [],
            truncated=bool(answer and answer.truncated)
        )

    # ---- nodes ----

    def choose(self, tried):
        """A random node, rather one that answered of late."""
        left = [node for node in self.site.nodes if node not in tried]
        return self.rng.choice([node for node in left if self.shunned.get(node.name, 0.0) < now()] or left)

    async def call(self, node, method, path, body, timeout):
        """The times of a call, and what came of it as the history has it."""
        begin = now()
        reply = await wire.call(node, HTTP_PORT, method, path, body, timeout)
        if reply.status in (0, None):
            self.shunned[node.name] = now() + SHUNNED
        outcome = "open"
        if reply.status in (200, 201, 204):
            outcome = "ok"
        elif reply.status == 404:
            outcome = "unknown"
        elif reply.status == 0 or reply.status is not None and 400 <= reply.status < 500:
            outcome = "no"
        return {"node": node.name, "begin": begin, "end": now(), "outcome": outcome, "status": reply.status}


class Owner:
    """A program that registers itself, as they do: it renews, it changes, it leaves and comes back."""

    def __init__(self, load, service, number, ttl):
        self.load, self.name, self.ttl = load, f"{service}/{number}", ttl
        self.address, self.registered = None, False

    async def live(self):
        rng = self.load.rng
        await asyncio.sleep(rng.uniform(0.0, 2.0))
        while True:
            self.address = next(self.load.addresses)
            await self.insist(self.register)
            await self.stay()
            await asyncio.sleep(rng.uniform(0.5, 8.0))

    async def stay(self):
        """Until it is gone by its own will."""
        rng = self.load.rng
        while True:
            await asyncio.sleep(self.ttl / 3 * rng.uniform(0.9, 1.0))
            chance = 1.0 if self.load.paused or self.load.calm else rng.random()
            if (chance := chance - AGAIN) < 0:
                await self.insist(self.register)
            elif (chance := chance - CHANGE) < 0:
                self.address = next(self.load.addresses)
                await self.insist(self.register)
            elif (chance := chance - LEAVE) < 0:
                await self.insist(self.deregister)
                return
            elif chance - FALL_SILENT < 0 and self.load.silent == 0:
                await self.fall_silent()
                return
            elif await self.renew() == "unknown":
                await self.insist(self.register)

    async def fall_silent(self):
        """As if it had crashed; one at a time, so that no brake has a reason."""
        self.load.silent += 1
        self.load.history.add("quiet", host=self.name, at=now())
        await asyncio.sleep(self.ttl * 2.5)
        self.load.silent -= 1

    async def renew(self):
        """At nodes by turns until one has answered or all were tried."""
        tried = []
        while len(tried) < len(self.load.site.nodes):
            node = self.load.choose(tried)
            tried.append(node)
            done = await self.load.call(node, "POST", f"/v1/hosts/{self.name}/renew", None, RENEWAL_TIMEOUT)
            self.load.history.add("beat", host=self.name, **done)
            if done["outcome"] in ("ok", "unknown"):
                return done["outcome"]
        return "open"

    async def insist(self, write):
        """Until a node has taken it; not while writes are paused."""
        tried = []
        while True:
            while self.load.paused:
                await self.wait(write)
            if len(tried) == len(self.load.site.nodes):
                tried.clear()
                await asyncio.sleep(self.load.rng.uniform(0.3, 1.0))
                continue
            node = self.load.choose(tried)
            tried.append(node)
            self.load.writing += 1
            try:
                if await write(node):
                    return
            finally:
                self.load.writing -= 1

    async def wait(self, write):
        """For writes to go on; what is registered is renewed meanwhile."""
        begin = now()
        while self.load.paused and now() < begin + self.ttl / 3:
            await asyncio.sleep(0.1)
        if self.load.paused and self.registered and write == self.register:
            await self.renew()

    async def register(self, node):
        body = {"address": self.address, "port": 80, "ttl": f"{self.ttl:.0f}s"}
        done = await self.load.call(node, "PUT", f"/v1/hosts/{self.name}", body, WRITE_TIMEOUT)
        self.load.history.add("write", what="register", host=self.name, address=self.address, ttl=self.ttl, **done)
        self.registered = self.registered or done["outcome"] == "ok"
        return done["outcome"] == "ok"

    async def deregister(self, node):
        """A node that does not know the host has taken nothing; then it lapses."""
        self.registered = False
        done = await self.load.call(node, "DELETE", f"/v1/hosts/{self.name}", None, WRITE_TIMEOUT)
        self.load.history.add("write", what="deregister", host=self.name, **done)
        return done["outcome"] in ("ok", "unknown")
