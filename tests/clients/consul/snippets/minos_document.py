# As printed in the documentation of the framework's discovery ("Custom Discovery Client Implementation"), with the
# indentation that the page has lost.
# pylint: skip-file
import aiohttp
from minos.networks import DiscoveryClient

class ConsulDiscoveryClient(DiscoveryClient):
    """Consul-based discovery client implementation"""

    async def subscribe(self, host: str, port: int, name: str, endpoints: list[dict], *args, **kwargs) -> None:
        service_definition = {
            "ID": f"{name}-{host}-{port}",
            "Name": name,
            "Address": host,
            "Port": port,
            "Tags": [endpoint["path"] for endpoint in endpoints],
            "Check": {
                "HTTP": f"http://{host}:{port}/health",
                "Interval": "10s"
            }
        }

        async with aiohttp.ClientSession() as session:
            async with session.put(
                f"{self.route}/v1/agent/service/register",
                json=service_definition
            ) as response:
                if response.status != 200:
                    raise Exception(f"Failed to register service: {response.status}")

    async def unsubscribe(self, name: str, *args, **kwargs) -> None:
        service_id = f"{name}-{self.host}-{self.port}"

        async with aiohttp.ClientSession() as session:
            async with session.put(
                f"{self.route}/v1/agent/service/deregister/{service_id}"
            ) as response:
                if response.status != 200:
                    raise Exception(f"Failed to unregister service: {response.status}")
