"""The machine, in a line."""

import os
import platform
import re


def describe():
    with open("/proc/cpuinfo") as file:
        model = re.search(r"^model name\s*:\s*(.*)$", file.read(), re.MULTILINE)
    with open("/proc/meminfo") as file:
        memory = int(re.search(r"^MemTotal:\s+(\d+)", file.read())[1]) / 2**20
    name = model[1] if model else platform.machine()
    return f"{os.cpu_count()} x {name}, {memory:.0f} GiB, Linux {platform.release().split('-')[0]}"
