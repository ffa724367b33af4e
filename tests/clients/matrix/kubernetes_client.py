"""The official client of Kubernetes prints the addresses of the endpoints of `web`."""

from kubernetes import client, config

config.load_kube_config()
try:
    endpoints = client.CoreV1Api().read_namespaced_endpoints("web", "default")
except client.ApiException as error:
    if error.status != 404:
        raise
else:
    for subset in endpoints.subsets or []:
        for address in subset.addresses or []:
            print(address.ip)
