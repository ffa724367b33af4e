"""Services of minos, and how one is launched: as the framework's own launcher does it. Arguments: the configuration."""
import os
import signal
import socket
import sys
from pathlib import Path

from minos import networks
from minos.common import EntrypointLauncher
from minos.networks import Request, Response, enroute
from minos.plugins import aiohttp, minos_discovery


class OrderService:
    """Says by which host it was reached."""

    @enroute.rest.query("/orders/{uuid}", "GET")
    async def get_order(self, request: Request) -> Response:
        return Response({"host": socket.gethostname(), **await request.params()})

    @enroute.rest.command("/orders", "POST")
    async def create_order(self, request: Request) -> Response:
        return Response({"host": socket.gethostname(), "content": await request.content()})


class HealthCheckService:
    """Answers as the class of this name in the framework's documentation; how its dependency is stands in a file."""

    @enroute.rest.query("/health", "GET")
    async def health_check(self, request: Request) -> Response:
        status = Path(os.environ["HEALTH_FILE"]).read_text("utf-8").strip()
        health_status = {"status": status, "dependencies": {"database": {"status": status}}}
        status_code = 200 if health_status["status"] in ["healthy", "degraded"] else 503
        return Response(health_status, status=status_code)


def main():
    # Who stops a container sends SIGTERM; the launcher waits for what a terminal sends.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    modules = [networks, aiohttp, minos_discovery]
    EntrypointLauncher.from_config(Path(sys.argv[1]), external_modules=modules).launch()


if __name__ == "__main__":
    main()
