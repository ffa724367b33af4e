#!/usr/bin/env bash
# Stops the program (SIGSTOP) for longer than the leases of its hosts, and lets it go on: no host is gone by that, and
# each ends when the rest of its lease is over; of ten thousand that beat all the time none is removed, and none is kept by
# the brake. Usage: tests/clients/stalls.sh (ROLLCALL names another program than the debug build).
set -euo pipefail
source "$(dirname "$0")/server.sh"
for needed in curl dig; do
    if ! command -v $needed >/dev/null; then
        skip "$needed is missing: nothing is stopped"
        exit 0
    fi
done

count() {
    dig "@$dns_address" -p "$dns_port" +short +tcp web.service.local | wc -l
}

# Says whether the count of hosts is $1, within $2 s.
expect() {
    local end=$((SECONDS + $2)) found
    until found=$(count) && [ "$found" -eq "$1" ]; do
        if [ $SECONDS -ge $end ]; then
            fail "$3" "hosts: $found, not $1"
            return 0
        fi
        sleep 0.1
    done
    pass
}

# That all of them end together is the story here, not what the brake makes of it.
start_server ROLLCALL_BRAKE=false
hosts=
for number in $(seq 200); do
    hosts+=${hosts:+,}'{"service":"web","id":"'$number'","address":"10.0.0.'$number'","port":80,"ttl":"4s"}'
done
for seconds in 1 6 15; do
    curl -s --fail -o "$work/answer" "$http/v1/hosts" -d "{\"hosts\":[$hosts]}"
    kill -STOP "$server"
    sleep $seconds
    kill -CONT "$server"
    found=$(count)
    if [ "$found" -eq 200 ]; then pass; else fail "stopped for $seconds s" "hosts: $found, not 200"; fi
    expect 0 8 "a lease ends after a stop of $seconds s"
done
# A heartbeat that waited in the socket is as good as any.
curl -s --fail -o "$work/answer" "$http/v1/hosts" -d "{\"hosts\":[$hosts]}"
kill -STOP "$server"
curl -s -o "$work/renewed" -w '%{http_code}' -X POST "$http/v1/hosts/web/1/renew" >"$work/status" &
sleep 5
kill -CONT "$server"
wait $!
if [ "$(cat "$work/status")" = 200 ]; then pass; else fail "a heartbeat that waited" "$(cat "$work/status" "$work/renewed")"; fi
lost=$(curl -s "$http/metrics" | sed -n 's/^rollcall_stood_still_seconds_total //p')
if awk -v lost="${lost:-0}" 'BEGIN { exit !(lost > 24 && lost < 30) }'; then pass; else fail "the metric" "$lost"; fi
stop_server

# Ten thousand hosts that beat every three seconds or so, 250 in a request, with leases of twelve, while the program is
# stopped again and again.
start_server
for batch in $(seq 40); do
    hosts=
    for number in $(seq 250); do
        place='"id":"'$batch-$number'","address":"10.'$batch'.0.'$number'","port":80'
        hosts+=${hosts:+,}'{"service":"s'$((batch % 20))'",'$place',"ttl":"12s"}'
    done
    echo "{\"hosts\":[$hosts]}" >"$work/batch.$batch"
done
beat() {
    local batch
    for batch in $(seq 40); do
        curl -s -o "$work/beaten" "$http/v1/hosts" -d "@$work/batch.$batch" || true
        sleep 0.05
    done
}
beat
(while :; do beat; done) &
beating=$!
metric() {
    curl -s "$http/metrics" | sed -n "s/^rollcall_$1 //p"
}
for seconds in 1 5 20; do
    sleep 2
    kill -STOP "$server"
    sleep $seconds
    kill -CONT "$server"
    there=$(metric 'hosts{status="passing"}')
    if [ "${there:-0}" -eq 10000 ]; then pass; else fail "stopped for $seconds s under heartbeats" "hosts: $there"; fi
done
# Whatever the stops were to bring about has come by then.
sleep 13
for wanted in 'hosts{status="passing"} 10000' 'leases_ended_total 0' 'brake_hosts_kept_total 0'; do
    found=$(metric "${wanted% *}")
    if [ "$found" = "${wanted##* }" ]; then pass; else fail "after the stops" "${wanted% *}: $found, not ${wanted##* }"; fi
done
kill $beating
wait $beating 2>/dev/null || true
conclude
