# As printed in the pattern's documentation ("Kubernetes"), but for one line: `config.load_kube_config()` stands where
# `config.load_incluster_config()` stands there with the comment "or load_kube_config()".
# pylint: skip-file
# Kubernetes-native service discovery
import os
import kubernetes
from kubernetes import client, config

class KubernetesServiceDiscovery:
    """Service discovery in Kubernetes cluster."""

    def __init__(self, namespace: str = "default"):
        config.load_kube_config()
        self.v1 = client.CoreV1Api()
        self.namespace = namespace

    def get_service_url_env(self, service_name: str) -> str:
        """Get service URL from Kubernetes environment variables."""
        # Kubernetes sets env vars like: ORDER_SERVICE_SERVICE_HOST
        env_name = f"{service_name.upper().replace('-', '_')}_SERVICE_HOST"
        host = os.environ.get(env_name)

        port_env = f"{service_name.upper().replace('-', '_')}_SERVICE_PORT"
        port = os.environ.get(port_env, "80")

        if host:
            return f"http://{host}:{port}"

        # Fallback to DNS name
        return f"http://{service_name}.{self.namespace}.svc.cluster.local"

    def get_service_endpoints(self, service_name: str) -> list:
        """Get pod endpoints for a service."""
        endpoints = self.v1.read_namespaced_endpoints(
            name=service_name,
            namespace=self.namespace
        )

        addresses = []
        if endpoints.subsets:
            for subset in endpoints.subsets:
                for address in subset.addresses or []:
                    port = subset.ports[0].port if subset.ports else 80
                    addresses.append(f"{address.ip}:{port}")

        return addresses

    def list_services(self, selector: dict = None) -> list:
        """List services matching selector."""
        label_selector = ",".join([f"{k}={v}" for k, v in selector.items()]) if selector else None

        services = self.v1.list_namespaced_service(
            namespace=self.namespace,
            label_selector=label_selector
        )

        return [
            {
                "name": svc.metadata.name,
                "cluster_ip": svc.spec.cluster_ip,
                "ports": [(p.port, p.target_port) for p in svc.spec.ports or []]
            }
            for svc in services.items
        ]
