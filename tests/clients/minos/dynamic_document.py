# As printed in the documentation of the framework's discovery ("Dynamic Service Configuration"), with the indentation that
# the page has lost, and the imports that it leaves out.
# pylint: skip-file
from minos.common import Config
from minos.networks import DiscoveryClient, DiscoveryConnector

class DynamicDiscoveryService:
    def __init__(self, config: Config):
        self.config = config
        self.connector = None
        self.registered_endpoints = []

    async def register_service(self, service_name: str, endpoints: list[dict]):
        """Dynamically register a service with discovery"""
        if self.connector:
            await self.connector.unsubscribe()

        self.connector = DiscoveryConnector(
            client=self._create_client(),
            name=service_name,
            endpoints=endpoints,
            host=self.config.service.host,
            port=self.config.service.port
        )

        await self.connector.subscribe()
        self.registered_endpoints = endpoints
        print(f"Service {service_name} registered with {len(endpoints)} endpoints")

    async def add_endpoint(self, endpoint: dict):
        """Add a new endpoint to the registered service"""
        self.registered_endpoints.append(endpoint)

        # Re-register with updated endpoints
        if self.connector:
            service_name = self.connector.name
            await self.register_service(service_name, self.registered_endpoints)

    async def remove_endpoint(self, path: str, method: str):
        """Remove an endpoint from the registered service"""
        self.registered_endpoints = [
            ep for ep in self.registered_endpoints
            if not (ep["path"] == path and ep["method"] == method)
        ]

        # Re-register with updated endpoints
        if self.connector:
            service_name = self.connector.name
            await self.register_service(service_name, self.registered_endpoints)

    async def unregister_service(self):
        """Unregister the service"""
        if self.connector:
            await self.connector.unsubscribe()
            self.connector = None
            self.registered_endpoints = []

    def _create_client(self) -> DiscoveryClient:
        return DiscoveryClient._from_config(self.config)
