"""The model of Lyft's discovery service, by the library that it uses, and what its code does with it."""

import datetime
import os
import sys

from pynamodb.attributes import JSONAttribute, NumberAttribute, UnicodeAttribute, UTCDateTimeAttribute
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex
from pynamodb.models import Model


class ServiceRepoNameIndex(GlobalSecondaryIndex):
    """Hosts by repository."""

    class Meta:
        """Lyft's throughput."""

        projection = AllProjection()
        read_capacity_units = 30
        write_capacity_units = 30

    service_repo_name = UnicodeAttribute(hash_key=True)
    ip_address = UnicodeAttribute(range_key=True)


class Host(Model):
    """A host, attribute by attribute as Lyft's service has it."""

    class Meta:
        """Where the table is."""

        table_name = os.environ["DYNAMODB_TABLE_HOSTS"]
        host = os.environ["DYNAMODB_URL"]
        region = "us-east-1"

    service = UnicodeAttribute(hash_key=True)
    ip_address = UnicodeAttribute(range_key=True)
    service_repo_name_index = ServiceRepoNameIndex()
    service_repo_name = UnicodeAttribute(null=True)
    port = NumberAttribute()
    last_check_in = UTCDateTimeAttribute()
    revision = UnicodeAttribute()
    tags = JSONAttribute()


def now():
    """The present moment, as Lyft's routes take it."""
    return datetime.datetime.now(datetime.timezone.utc)


def shown(host):
    """The parts of a host in one line."""
    tags = ",".join(f"{key}={value}" for key, value in sorted(dict(host.tags).items()))
    repo = "" if host.service_repo_name is None else host.service_repo_name
    return f"{host.service} {host.ip_address}:{int(host.port)} {repo or '-'} {host.revision or '-'} {tags or '-'}"


def create():
    """Makes the table, as Lyft's service does where it is told to."""
    if not Host.exists():
        Host.create_table(read_capacity_units=5, write_capacity_units=10, wait=True)


def register(service, address, port, repo=None, **tags):
    """What a POST of a registration does: the record is read, its tags are merged, all of it is written."""
    sent = {"az": "us-east-1a", "instance_id": "i-1", "region": "us-east-1", **tags}
    try:
        known = Host.get(service, address)
        sent = {**known.tags, **sent}
    except Host.DoesNotExist:
        pass
    Host(service=service, ip_address=address, service_repo_name=repo, port=int(port), revision="r1",
         last_check_in=now(), tags=sent).save()


def weigh(service, address, weight):
    """What a POST of a weight does: the whole record is written, its last heartbeat included."""
    host = Host.get(service, address)
    host.tags["load_balancing_weight"] = int(weight)
    Host(service=host.service, ip_address=host.ip_address, service_repo_name=host.service_repo_name, port=host.port,
         revision=host.revision, last_check_in=host.last_check_in, tags=host.tags).save()


def delete(service, address):
    """What a DELETE does."""
    found = list(Host.query(service, Host.ip_address == address))
    if len(found) != 1:
        sys.exit(f"{len(found)} hosts")
    found[0].delete()


def query(service):
    """What a list of a service reads."""
    for host in Host.query(service):
        print(shown(host))


def repo(name):
    """What a list of a repository reads."""
    for host in Host.service_repo_name_index.query(name):
        print(shown(host))


def everything():
    """Every item, through the model: whoever reads the whole table."""
    print(sum(1 for _ in Host.scan()))


def age(service, address):
    """Seconds since the last heartbeat, whole ones."""
    print(int((now() - Host.get(service, address).last_check_in).total_seconds()))


def clear():
    """Deletes the table."""
    Host.delete_table()


if __name__ == "__main__":
    tags = dict(pair.split("=", 1) for pair in sys.argv[2:] if "=" in pair)
    globals()[sys.argv[1]](*[word for word in sys.argv[2:] if "=" not in word], **tags)
