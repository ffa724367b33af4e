"""What stores do differently, and may: every other difference is a fault. Each has its reason."""

DIFFERENCES = {
    "keeps the table over a restart": (
        {"memory": False, "file": True, "etcd": True, "dynamodb": True},
        "the memory store keeps nothing, which is what it is for"),
    "several servers": (
        {"memory": False, "file": False, "etcd": True, "dynamodb": True},
        "a file has one process; what is tried with two servers is tried where two can be"),
    "seconds that a lease may end late": (
        {"memory": 1.0, "file": 1.0, "etcd": 1.5, "dynamodb": 1.5},
        "etcd ends leases itself, and looks every half second; DynamoDB's items are looked at again before a host is taken out"),
    "seconds until another server shows a write": (
        {"etcd": 1.0, "dynamodb": 2.5},
        "etcd says it at once; DynamoDB is read every half second (the poll interval of this test), and moto takes its time"),
    "seconds until tables of two servers are equal": (
        {"etcd": 2.0, "dynamodb": 4.0},
        "the same"),
    "revisions are the same at every server": (
        {"etcd": True, "dynamodb": False},
        "etcd has a revision, DynamoDB has none: there each server counts for itself"),
    "seconds until another server does the checks of one that is gone": (
        {"etcd": 12.0, "dynamodb": 12.0},
        "servers say that they live: a lease of five seconds in etcd, an item that is read three times in DynamoDB"),
}


def of(store, name):
    """What a store does."""
    return DIFFERENCES[name][0].get(store)


def lines(store):
    """The table, as far as it is about a store."""
    return [f"{name}: {by_store[store]} ({why})" for name, (by_store, why) in DIFFERENCES.items() if store in by_store]
