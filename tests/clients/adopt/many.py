"""An export of many hosts, as lines. Usage: many.py NUMBER"""

import json
import sys

number = int(sys.argv[1])
print(json.dumps({"form": "rollcall export", "version": 1, "rows": number, "revision": 1}))
for place in range(number):
    address = f"10.{place >> 16 & 255}.{place >> 8 & 255}.{place & 255 or 1}"
    row = {"version": 1, "service": f"s{place % 1000}", "dialect": "native", "id": f"host-{place}", "a": [address]}
    row.update({"p": [{"n": 8080, "s": "http"}], "t": ["v1"], "m": [["rack", "7"]], "l": 3_600_000_000})
    print(json.dumps(row))
