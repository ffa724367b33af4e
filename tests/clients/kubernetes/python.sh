#!/usr/bin/env bash
# The official client for Python, the newest and one of the generation before: the class of a document on service discovery
# as it is printed there, and what such programs do besides, in flows.py. Usage: python.sh [VERSION]...
set -euo pipefail
source "$(dirname "$0")/common.sh"
need python3 curl
[ $# -gt 0 ] || set -- 37.0.2 31.0.0
for version in "$@"; do
    make_venv "kubernetes-$version" "kubernetes==$version"
    start_server
    write_kubeconfig
    count_lines < <("$python" "$here/flows.py" "$http" 2>&1)
    stop_server
done
conclude
