#!/usr/bin/env bash
# Kills the program (kill -9) under hosts that beat every third of their lease, and starts it again on its file, again and
# again: no host is missing from any answer, as each lease begins anew. Usage: tests/clients/restarts.sh [ROUNDS] (ROLLCALL
# names another program than the debug build).
set -euo pipefail
source "$(dirname "$0")/server.sh"
for needed in curl dig; do
    if ! command -v $needed >/dev/null; then
        skip "$needed is missing: nothing is killed"
        exit 0
    fi
done
rounds=${1:-8}
store=file
# The brake would hide a lease that was cut short.
settings=(ROLLCALL_BRAKE=false)
start_server "${settings[@]}"
http_listen=${http#http://}
dns_listen=$dns_address:$dns_port
hosts=
for number in $(seq 200); do
    hosts+=${hosts:+,}'{"service":"web","id":"'$number'","address":"10.0.0.'$number'","port":80,"ttl":"3s"}'
done
echo "{\"hosts\":[$hosts]}" >"$work/hosts"
curl -s --fail -o "$work/answer" "$http/v1/hosts" -d "@$work/hosts"
(while :; do
    curl -s -o "$work/beaten" --max-time 2 "$http/v1/hosts" -d "@$work/hosts" || true
    sleep 1
done) &
beating=$!
for round in $(seq "$rounds"); do
    sleep 0.$((RANDOM % 10))
    kill -9 "$server"
    wait "$server" 2>/dev/null || true
    # Up to longer than what any lease had left.
    sleep $((round % 4)).$((RANDOM % 10))
    start_server "${settings[@]}"
    lowest=200
    end=$((SECONDS + 4))
    while [ $SECONDS -lt $end ]; do
        found=$(dig "@$dns_address" -p "$dns_port" +short +tcp web.service.local | wc -l)
        if [ "$found" -lt "$lowest" ]; then lowest=$found; fi
    done
    if [ "$lowest" -eq 200 ]; then pass; else fail "round $round" "hosts: $lowest, not 200"; fi
done
ended=$(curl -s "$http/metrics" | sed -n 's/^rollcall_leases_ended_total //p')
if [ "$ended" = 0 ]; then pass; else fail "leases that ended" "$ended"; fi
kill $beating
wait $beating 2>/dev/null || true
conclude
