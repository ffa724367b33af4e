#!/usr/bin/env bash
# Python's three clients of Consul, which share a name (consul) and each have an environment of their own: the life of a
# service in flows.py. Usage: python.sh [CLIENT]...
set -euo pipefail
source "$(dirname "$0")/common.sh"
need python3 curl
[ $# -gt 0 ] || set -- python-consul==1.1.0 python-consul2==0.1.5 py-consul==1.8.0
for client in "$@"; do
    make_venv "${client%%==*}" "$client" dnspython==2.7.0
    start ROLLCALL_RECORD_TTL=0s ROLLCALL_NEGATIVE_TTL=0s
    count_lines < <("$python" "$here/flows.py" "${client%%==*}" "$http_port" "$dns_port" 2>&1)
    stop_server
done
conclude
