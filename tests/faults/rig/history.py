"""What was done and seen, one JSON line an operation, with the times of one clock that never jumps.

| do | fields |
| --- | --- |
| state | what was done to a machine: `machine`, `what` (start, kill, stop, resume, unplug, plug, lose, find), `other`, `at` |
| ready | a node said for the first time since its start that it is: `node`, `at` |
| write | `what` (register, deregister), `host` (service/id), `address`, `ttl`, `node`, `begin`, `end`, `outcome`, `status` |
| beat | a renewal: `host`, `node`, `begin`, `end`, `outcome`, `status` |
| quiet | the owner of `host` says nothing more, `at` |
| ask | a question: `service`, `node`, `begin`, `end`, `rcode` (null: no answer), `addresses`, `errors`, `truncated` |
| table | all that a node lists: `node`, `begin`, `end`, `hosts` (service/id to address) |
| last | a table that was read when all had been well for a while; else as table |

Outcomes: `ok`, acknowledged; `no`, refused, surely without effect; `unknown`, the host is not there (404); `open`, anything may
have become of it, at once or later.
"""
import json
import time


def now():
    return time.monotonic()


class History:
    """Grows while the test runs; also in a file."""

    def __init__(self, path=None):
        self.records = []
        self.file = open(path, "w", encoding="utf-8") if path else None  # pylint: disable=consider-using-with

    def add(self, do, **fields):
        record = {"do": do, **fields}
        self.records.append(record)
        if self.file:
            self.file.write(json.dumps(record, separators=(",", ":")) + "\n")
        return record

    def close(self):
        if self.file:
            self.file.close()


def read(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]
