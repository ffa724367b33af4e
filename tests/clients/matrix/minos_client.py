"""minos' own client subscribes and unsubscribes one host of `web`."""

import asyncio
import sys

from minos.plugins.minos_discovery import MinosDiscoveryClient

port, verb = sys.argv[1:]


async def main():
    client = MinosDiscoveryClient("127.0.0.1", int(port))
    if verb == "subscribe":
        await client.subscribe("10.0.0.4", 80, "web", [{"method": "GET", "url": "/web/{id}"}])
    else:
        await client.unsubscribe("web")


asyncio.run(asyncio.wait_for(main(), 20))
