#!/usr/bin/env bash
# Lets the programs that people use find hosts of a running server: resolvers, C libraries, proxies, Prometheus, Node.
# Each has a script in consumers/, which works alone too. Usage: tests/clients/consumers.sh [NAME]... (ROLLCALL names
# another program than the debug build).
set -euo pipefail
here=$(dirname "$0")/consumers
[ $# -gt 0 ] || set -- unbound dnsmasq libc haproxy nginx prometheus node dnspython

good=() bad=() skipped=()
for name in "$@"; do
    start=$SECONDS status=0
    echo "-- $name"
    "$here/$name.sh" || status=$?
    echo "   $((SECONDS - start)) s"
    case $status in
    0) good+=("$name") ;;
    77) skipped+=("$name") ;;
    *) bad+=("$name") ;;
    esac
done

echo "found their hosts: ${good[*]:-none}"
[ ${#bad[@]} -eq 0 ] || echo "FAILED: ${bad[*]}"
[ ${#skipped[@]} -eq 0 ] || echo "SKIP SKIP SKIP: not tried: ${skipped[*]}"
[ ${#bad[@]} -eq 0 ]
