#!/usr/bin/env bash
# What every store must do, by two servers on a real etcd: PyPI's 3.5, or Debian's 3.4 with STORES_ETCD=3.4.
set -euo pipefail
source "$(dirname "$0")/../etcd/common.sh"
source "$root/tests/clients/stores/common.sh"
need python3
find_etcd "${STORES_ETCD:-3.5}"
start_etcd 1
try_store etcd ROLLCALL_ETCD_ENDPOINTS="$endpoints"
