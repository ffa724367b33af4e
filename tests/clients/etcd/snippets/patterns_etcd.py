# As printed in the pattern's documentation ("etcd").
# pylint: skip-file
# Service registration with etcd
import etcd3
import json
import asyncio

class EtcdServiceRegistry:
    """Service discovery using etcd."""

    def __init__(self, endpoints: list = None):
        self.endpoints = endpoints or ["localhost:2379"]
        self.etcd = etcd3.client(host=self.endpoints[0].split(":")[0])

    async def register(
        self,
        service_name: str,
        instance_id: str,
        host: str,
        port: int,
        ttl: int = 30
    ):
        """Register service with lease (TTL)."""
        lease = self.etcd.lease(ttl)

        service_info = {
            "host": host,
            "port": port,
            "registered_at": datetime.now().isoformat()
        }

        key = f"/services/{service_name}/{instance_id}"
        self.etcd.put(key, json.dumps(service_info), lease=lease)

        # Keep lease alive
        while True:
            await asyncio.sleep(ttl / 2)
            lease.refresh()

    def discover(self, service_name: str) -> list:
        """Get all instances of a service."""
        prefix = f"/services/{service_name}/"
        instances = []

        for value, metadata in self.etcd.get_prefix(prefix):
            instance_data = json.loads(value.decode())
            instance_data["id"] = metadata.key.decode().split("/")[-1]
            instances.append(instance_data)

        return instances

    def watch(self, service_name: str, callback):
        """Watch for changes in service instances."""
        prefix = f"/services/{service_name}/"
        events = self.etcd.watch_prefix(prefix)

        for event in events:
            callback(event)
