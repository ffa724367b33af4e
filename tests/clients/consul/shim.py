#!/usr/bin/env python3
"""Stands for the command `consul` where a test of Consul's clients starts one: starts rollcall with the settings that
the configuration file of `consul agent -config-file FILE` has and rollcall knows. ROLLCALL names the program."""
import json
import os
import sys


def settings(config):
    """The arguments and the environment that say the same as a configuration of Consul."""
    ports = config["ports"]
    arguments = ["serve", "--store", "memory", "--http", f"127.0.0.1:{ports['http']}"]
    arguments += ["--dns", f"127.0.0.1:{ports['dns']}"]
    environment = {
        "HOME": os.path.dirname(config["data_dir"]),
        "ROLLCALL_NODE_NAME": config["node_name"],
        "ROLLCALL_NODE_ID": config["node_id"],
        "ROLLCALL_DATACENTER": config.get("datacenter") or "dc1",
    }
    if config.get("node_meta"):
        environment["ROLLCALL_NODE_META"] = ",".join(f"{key}={value}" for key, value in config["node_meta"].items())
    return arguments, environment


def main():
    if sys.argv[1:2] == ["version"]:
        print(json.dumps({"Version": "1.14.11"}))
        return
    assert sys.argv[1:3] == ["agent", "-config-file"], sys.argv
    with open(sys.argv[3], encoding="utf-8") as file:
        arguments, environment = settings(json.load(file))
    if os.environ.get("SHIM_PIDS"):
        with open(os.environ["SHIM_PIDS"], "a", encoding="utf-8") as file:
            file.write(f"{os.getpid()}\n")
    program = os.environ["ROLLCALL"]
    os.execve(program, [program, *arguments], environment)


main()
