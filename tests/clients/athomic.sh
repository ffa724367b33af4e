#!/usr/bin/env bash
# athomic's discovery, by both asynchronous clients of Consul that Python has: they are what its provider hands calls on to.
#
# Exit codes: 0 all as it should be, 1 something is not, 77 nothing was tried.
set -euo pipefail
source "$(dirname "$0")/clients.sh"
need python3
store=file
for client in py-consul==1.8.0 python-consul2==0.1.5; do
    # The first has it from the snippets of Consul.
    case $client in
    py-consul*) name=snippets ;;
    *) name=athomic ;;
    esac
    make_venv $name $client aiohttp==3.13.2 dnspython==2.7.0
    for moment in before after; do
        start_server ROLLCALL_DATA_DIR="$work/$name" ROLLCALL_RECORD_TTL=0s ROLLCALL_NEGATIVE_TTL=0s
        count_lines < <("$python" -W ignore "$root/tests/clients/athomic/flows.py" "${client%%==*}" "${http##*:}" \
            "$dns_port" $moment "$work/ring-$name" 2>&1)
        stop_server
    done
done
conclude
