"""blacksmith finds a service by Nomad's variables and asks it. Prints what came back."""
import blacksmith
from blacksmith import PathInfoField, Request, Response, SyncClientFactory, SyncNomadDiscovery
from blacksmith.domain.exceptions import UnregisteredServiceException


class GetUser(Request):
    name: str = PathInfoField(str)


class User(Response):
    name: str


blacksmith.register("api", "users", "user", "v1", path="/users/{name}", contract={"GET": (GetUser, User)})
discovery = SyncNomadDiscovery()
print(discovery.get_endpoint("user", "v1"), discovery.get_endpoint("user-v1", None))
try:
    discovery.get_endpoint("nobody", "v1")
except UnregisteredServiceException as error:
    print(type(error).__name__)
api = SyncClientFactory(sd=discovery)("api")
print(api.users.get({"name": "bob"}).unwrap())
