"""Whole tables beside each other."""
import json


def lines(node):
    """The rows of an export by service, API and id; without what another table counts for itself."""
    head, *rows = node.get("/v1/export").body.decode().splitlines()
    read = {}
    for row in rows:
        fields = json.loads(row)
        for name in ("b", "e"):
            fields.pop(name, None)
        for check in fields.get("c", []):
            check.pop("t", None)
        read[fields["service"], fields["dialect"], fields["id"]] = fields
    assert len(read) == json.loads(head)["rows"] == len(rows)
    return read


def unlike(one, two):
    """What is in one and not in the other, a few of it."""
    keys = [key for key in one.keys() | two.keys() if one.get(key) != two.get(key)]
    return {key: (one.get(key), two.get(key)) for key in sorted(keys)[:3]}


def apart(one, two):
    """Why two servers may have different tables: rows that differ, and what each keeps past its lease."""
    kept = {node.name: [(of["service"], of["phase"], of["held"]) for of in node.json("/v1/brake")["services"]] for node in (one, two)}
    return f"unlike: {unlike(lines(one), lines(two))}, kept: {kept}"
