"""py-consul registers, deregisters and discovers one instance of `web`, as its documentation shows."""

import sys

import consul

port, verb = sys.argv[1:]
client = consul.Consul(port=int(port))
if verb == "register":
    check = consul.Check.ttl("600s")
    client.agent.service.register("web", service_id="web-3", address="10.0.0.3", port=80, check=check)
    client.agent.check.ttl_pass("service:web-3")
elif verb == "deregister":
    client.agent.service.deregister("web-3")
else:
    _, entries = client.health.service("web", passing=True)
    for entry in entries:
        print(entry["Service"]["Address"])
