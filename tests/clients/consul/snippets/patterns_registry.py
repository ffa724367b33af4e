# As printed in the pattern's documentation ("Consul").
# pylint: skip-file
# Service registration with Consul
import consul
import socket

class ConsulServiceRegistry:
    """Register and discover services via Consul."""

    def __init__(self, host: str = "localhost", port: int = 8500):
        self.consul = consul.Consul(host=host, port=port)

    def register(
        self,
        service_name: str,
        service_port: int,
        health_check_path: str = "/health"
    ):
        """Register service instance with Consul."""
        hostname = socket.gethostname()
        service_id = f"{service_name}-{hostname}-{service_port}"

        self.consul.agent.service.register(
            name=service_name,
            service_id=service_id,
            address=hostname,
            port=service_port,
            check=consul.Check.http(
                url=f"http://{hostname}:{service_port}{health_check_path}",
                interval="10s",
                timeout="5s"
            ),
            tags=["microservice", "v1"]
        )

    def deregister(self, service_id: str):
        """Remove service from registry."""
        self.consul.agent.service.deregister(service_id)

    def discover(self, service_name: str) -> list:
        """Get all healthy instances of a service."""
        index, nodes = self.consul.health.service(service_name)
        return [
            {
                "address": node["Service"]["Address"],
                "port": node["Service"]["Port"],
                "tags": node["Service"]["Tags"]
            }
            for node in nodes
            if node["Checks"][0]["Status"] == "passing"
        ]
