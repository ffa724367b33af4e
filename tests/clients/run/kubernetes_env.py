"""The class of a page on patterns finds a service by the variables of a pod. Prints what it found.

Its constructor wants a configuration of a cluster; what is tried here needs none."""
import pathlib
import sys

sys.path.append(str(pathlib.Path(__file__).parent.parent / "kubernetes/snippets"))
from patterns_kubernetes import KubernetesServiceDiscovery  # noqa: E402  pylint: disable=wrong-import-position

found = KubernetesServiceDiscovery.__new__(KubernetesServiceDiscovery)
found.namespace = "default"
print(found.get_service_url_env("user-v1"), found.get_service_url_env("nobody"))
