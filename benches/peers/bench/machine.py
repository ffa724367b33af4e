"""The machine, in a line."""

import mmap
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


def touch_memory(octets=128 << 20):
    """Has the machine at hand what a server is about to grow by.

    A virtual machine may have given unused memory back to its host, and waits for each piece at its first use: 6 ms for
    2 MiB were seen, twenty times what the kernel takes itself. That is no part of what a registration costs.
    """
    with mmap.mmap(-1, octets, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as memory:
        memory.madvise(mmap.MADV_HUGEPAGE)
        for place in range(0, octets, mmap.PAGESIZE):
            memory[place] = 1
