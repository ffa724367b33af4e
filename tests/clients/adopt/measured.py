"""Runs a command and says what memory it took at most. Usage: measured.py COMMAND..."""

import resource
import subprocess
import sys

status = subprocess.run(sys.argv[1:]).returncode
print(f"client {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss} kB", flush=True)
sys.exit(status)
