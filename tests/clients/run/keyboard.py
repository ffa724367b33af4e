"""Runs a command in a terminal of its own, types Ctrl-C when it has said the first argument, and prints what it says."""
import os
import pty
import sys

WORDS, COMMAND = sys.argv[1].encode(), sys.argv[2:]
child, terminal = pty.fork()
if child == 0:
    os.execvp(COMMAND[0], COMMAND)
said, typed = b"", False
while True:
    try:
        more = os.read(terminal, 4096)
    except OSError:
        break
    if not more:
        break
    said += more
    if not typed and WORDS in said:
        os.write(terminal, b"\x03")
        typed = True
print(said.decode().replace("\r", ""), end="")
print("exit", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
