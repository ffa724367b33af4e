"""Passes connections on to an etcd: whoever comes this way is cut off when this ends, and nobody else.

Usage: passer.py ENDPOINT [PORT]. Prints its port.
"""
import asyncio
import sys
from urllib.parse import urlsplit

etcd = urlsplit(sys.argv[1])


async def pass_on(reader, writer):
    try:
        while octets := await reader.read(65536):
            writer.write(octets)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


async def serve(reader, writer):
    try:
        there = await asyncio.open_connection(etcd.hostname, etcd.port)
    except OSError:
        return writer.close()
    await asyncio.gather(pass_on(reader, there[1]), pass_on(there[0], writer))


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[2]) if len(sys.argv) > 2 else 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())
