"""minos' API gateway as it is, but for its database: that of its rules of access is a file, and no PostgreSQL. Arguments:
the configuration, and the file."""
import sys

from minos.api_gateway.rest.config import ApiGatewayConfig
from minos.api_gateway.rest.launchers import EntrypointLauncher
from minos.api_gateway.rest.service import ApiGatewayRestService
from sqlalchemy import create_engine


class Gateway(ApiGatewayRestService):
    """The gateway with a database that needs no server."""

    async def create_engine(self):
        return create_engine(f"sqlite:///{sys.argv[2]}")


config = ApiGatewayConfig(sys.argv[1])
EntrypointLauncher(config, (Gateway(config.rest.host, config.rest.port, config),)).launch()
