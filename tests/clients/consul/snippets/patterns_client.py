# As printed in the pattern's documentation ("Client-Side Discovery"), which says nothing of ServiceNotFoundError.
# pylint: skip-file
# Client queries service registry directly
import consul

class ClientSideDiscovery:
    """Client-side service discovery with Consul."""

    def __init__(self, consul_host: str = "localhost"):
        self.consul = consul.Consul(host=consul_host)

    def get_service(self, service_name: str) -> str:
        """Get healthy service instance URL."""
        index, services = self.consul.health.service(service_name)

        healthy_instances = [
            s for s in services
            if s['Checks'][0]['Status'] == 'passing'
        ]

        if not healthy_instances:
            raise ServiceNotFoundError(f"No healthy instances of {service_name}")

        # Simple round-robin selection
        instance = healthy_instances[0]['Service']
        return f"http://{instance['Address']}:{instance['Port']}"
