"""Items by boto3, as an operator's script has them: what `lyft.py` cannot say."""

import os
import sys

import boto3

client = boto3.client("dynamodb", endpoint_url=os.environ["DYNAMODB_URL"], region_name="us-east-1")
table = os.environ["DYNAMODB_TABLE_HOSTS"]


def key(service, address):
    """The key of an item."""
    return {"service": {"S": service}, "ip_address": {"S": address}}


def get(service, address, name):
    """One attribute, or `none`."""
    item = client.get_item(TableName=table, Key=key(service, address), ConsistentRead=True).get("Item", {})
    print(next(iter(item[name].values())) if name in item else "none")


def names(service, address):
    """The names of all attributes."""
    item = client.get_item(TableName=table, Key=key(service, address), ConsistentRead=True).get("Item", {})
    print(*sorted(item))


def number(service, address, name, value):
    """Sets one attribute that is a number, and leaves all others."""
    client.update_item(TableName=table, Key=key(service, address), UpdateExpression="SET #n = :v",
                       ExpressionAttributeNames={"#n": name}, ExpressionAttributeValues={":v": {"N": value}})


def put(service, address, port, tags):
    """An item with these values whatever they are."""
    client.put_item(TableName=table, Item={**key(service, address), "port": {"N": port}, "tags": {"S": tags},
                                           "revision": {"S": "r"}, "last_check_in": {"S": "2026-01-01T00:00:00.000000+0000"}})


def layout():
    """Keys, index and throughput of the table."""
    found = client.describe_table(TableName=table)["Table"]
    keys = lambda schema: " ".join(f"{one['AttributeName']}:{one['KeyType']}" for one in schema)
    units = lambda units: f"{units['ReadCapacityUnits']}/{units['WriteCapacityUnits']}"
    print(keys(found["KeySchema"]), units(found["ProvisionedThroughput"]))
    for index in found["GlobalSecondaryIndexes"]:
        print(index["IndexName"], keys(index["KeySchema"]), index["Projection"]["ProjectionType"],
              units(index["ProvisionedThroughput"]))


globals()[sys.argv[1]](*sys.argv[2:])
