#!/usr/bin/env bash
# Three members of etcd and three nodes of rollcall on machines of their own (network namespaces), under the load of clients,
# while a nemesis kills, stops and cuts them; then what the clients saw is judged. Usage: tests/faults/run.sh [--minutes M]
# [--seed N], and others: --help. ROLLCALL names another program than the debug build. Needs root.
#
#     tests/faults/run.sh --self-test              the judge itself, with histories that were made up
#     tests/faults/run.sh --minutes 5              a storm
#     tests/faults/run.sh --engine-away --minutes 10   all of etcd killed under 1000 questions a second
set -euo pipefail
source "$(dirname "$0")/../clients/clients.sh"
source "$root/tests/clients/programs.sh"
need python3
export PYTHONPATH=$root/tests/faults PYTHONDONTWRITEBYTECODE=1
for interpreter in python3 /usr/bin/python3 none; do
    "$interpreter" -c 'import asyncio; asyncio.timeout' 2>/dev/null && break
done
[ $interpreter != none ] || give_up "Python is older than 3.11"

version=3.5 alone=
previous=
for argument in "$@"; do
    case $argument in
    --self-test | --judge | --help | -h) alone=yes ;;
    --etcd-version=*) version=${argument#*=} ;;
    esac
    [ "$previous" != --etcd-version ] || version=$argument
    previous=$argument
done
[ -z "$alone" ] || exec "$interpreter" -m rig "$@"

[ "$(id -u)" -eq 0 ] || give_up "this takes root"
need ip unshare mount
find_etcd "$version"
# A network and mounts of its own: nothing is left behind, however this ends.
inside=(unshare --net --mount --propagation private --pid --fork --kill-child --mount-proc)
"${inside[@]}" true 2>/dev/null || give_up "unshare is not permitted"
"${inside[@]}" bash -c 'mkdir -p /run/netns && mount -t tmpfs tmpfs /run/netns && exec "$@"' bash \
    "$interpreter" -m rig --rollcall "$(realpath "$ROLLCALL")" --etcd "$etcd" "$@"
