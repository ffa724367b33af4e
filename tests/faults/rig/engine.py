"""What etcd itself says, by its JSON gateway, asked on the machine of a member."""
import base64
import json

from . import wire
from .machines import ETCD_PORT

ROWS = "/rollcall/v1/rows/"


def encode(text):
    return base64.b64encode(text.encode()).decode()


async def call(member, path, body, timeout=2.0):
    """The answer as an object; nothing where there is none in time."""
    reply = await wire.call(member, ETCD_PORT, "POST", f"/v3/{path}", body, timeout)
    return reply.json() if reply.status == 200 else None


async def works(members):
    """Whether each member answers what takes a majority."""
    for member in members:
        if await call(member, "kv/range", {"key": encode("none")}) is None:
            return False
    return True


async def revision(member):
    found = await call(member, "kv/range", {"key": encode("none")})
    return None if found is None else int(found["header"]["revision"])


async def compact(member, at):
    return await call(member, "kv/compaction", {"revision": str(at)}) is not None


async def rows(member):
    """The hosts that are kept: service/id to the text of the row; nothing when etcd does not say."""
    found = await call(member, "kv/range", {"key": encode(ROWS), "range_end": encode(ROWS[:-1] + "0")}, 5.0)
    if found is None:
        return None
    kept = {}
    for each in found.get("kvs", []):
        service, _, host = base64.b64decode(each["key"]).decode()[len(ROWS):].partition("/")
        kept[f"{service}/{host.rpartition('/')[2]}"] = base64.b64decode(each["value"]).decode()
    return kept


def holds(row, address):
    """Whether a row is about this address, whatever the rest of its form."""
    return json.dumps(address) in row
