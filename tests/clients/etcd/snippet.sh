#!/usr/bin/env bash
# The class that documentation has for etcd, as it is printed there, with the real etcd3 of PyPI and a real etcd, which is at
# port 2379 of this machine as the class has it: so all run with interfaces of their own. snippet.py says what is tried.
# Usage: snippet.sh [VERSION OF ETCD]...
set -euo pipefail
source "$(dirname "$0")/common.sh"
need python3 curl
[ $# -gt 0 ] || set -- 3.4 3.5
for version in "$@"; do
    find_etcd "$version"
done
# etcd3 speaks with the code that older versions of protobuf made.
make_venv etcd3 etcd3==0.12.0 'protobuf<3.21' grpcio==1.85.3 dnspython==2.7.0 tenacity six
snippet=$python
enter_namespace "$@"
dns_listen=127.0.0.1:0
for version in "$@"; do
    find_etcd "$version"
    mkdir "$work/data-$version"
    spawn "etcd-$version" "$etcd" --data-dir "$work/data-$version" --listen-peer-urls http://127.0.0.1:2380
    etcd_pids=("${children[-1]}")
    endpoints=http://127.0.0.1:2379
    for _ in $(seq 100); do
        ctl endpoint health >/dev/null 2>&1 && break
        sleep 0.1
    done
    start_nodes 2
    count_lines < <("$snippet" "$here/snippet.py" "$version" "${node_urls[1]}" "${node_ports[1]}" "${node_urls[2]}" "${node_ports[2]}" 2>&1)
    nodes_are_well
    stop_nodes
    stop_etcd
done
conclude
