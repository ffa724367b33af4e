#!/usr/bin/env bash
# Lets the programs that people use find hosts of a running server: resolvers, C libraries, proxies, Prometheus, Node.
# Each has a script in consumers/, which works alone too. Usage: tests/clients/consumers.sh [NAME]... (ROLLCALL names
# another program than the debug build).
set -euo pipefail
source "$(dirname "$0")/parts.sh"
[ $# -gt 0 ] || set -- unbound dnsmasq libc haproxy nginx prometheus node dnspython
run_parts "$(dirname "$0")/consumers" "found their hosts" "$@"
