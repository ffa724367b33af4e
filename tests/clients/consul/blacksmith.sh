#!/usr/bin/env bash
# blacksmith's discovery by Consul.
set -euo pipefail
source "$(dirname "$0")/common.sh"
need python3 curl
make_venv blacksmith blacksmith==5.1.0
start
count_lines < <("$python" "$here/blacksmith_flows.py" "$http_port" 2>&1)
conclude
