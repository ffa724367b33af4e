"""The class of a page on patterns finds a service by the variables of a pod. Prints what it found.

Its constructor wants the files of a pod; what is tried here needs none of them."""
import kubernetes_snippet

found = kubernetes_snippet.KubernetesServiceDiscovery.__new__(kubernetes_snippet.KubernetesServiceDiscovery)
found.namespace = "default"
print(found.get_service_url_env("user-v1"), found.get_service_url_env("nobody"))
