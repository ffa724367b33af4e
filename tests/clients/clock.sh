#!/usr/bin/env bash
# Sets the wall clock of the program back and ahead, by an hour and by ten years, while hosts hold leases and a check has
# a TTL: nothing ends by that, and all of it ends when its time is over. The clock is libfaketime's (Debian's package
# faketime), which changes what the program sees and nothing else.
# Usage: tests/clients/clock.sh (ROLLCALL names another program than the debug build).
set -euo pipefail
source "$(dirname "$0")/server.sh"
faked=$(find /usr/lib/*/faketime -name libfaketimeMT.so.1 2>/dev/null | head -n 1 || true)
if [ -z "$faked" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get install --yes --no-install-recommends faketime >/dev/null 2>&1 || true
    faked=$(find /usr/lib/*/faketime -name libfaketimeMT.so.1 2>/dev/null | head -n 1 || true)
fi
if [ -z "$faked" ]; then
    skip "libfaketime is missing and cannot be had: the clock is not set"
    exit 0
fi

offset=$work/offset
set_clock() {
    echo "$1" >"$work/next"
    mv "$work/next" "$offset"
}

count() {
    dig "@$dns_address" -p "$dns_port" +short +tcp web.service.local | wc -l
}

expect() {
    local found
    found=$(count)
    if [ "$found" -eq "$2" ]; then pass; else fail "$1" "hosts: $found, not $2"; fi
}

set_clock +0
start_server LD_PRELOAD="$faked" FAKETIME_TIMESTAMP_FILE="$offset" FAKETIME_NO_CACHE=1 FAKETIME_DONT_FAKE_MONOTONIC=1 \
    ROLLCALL_BRAKE=false
# That it sees the clock set at all: a new process prints another year.
year=$(env -i LD_PRELOAD="$faked" FAKETIME_TIMESTAMP_FILE=<(echo +20y) FAKETIME_NO_CACHE=1 date +%Y)
if [ "$year" -gt "$(($(date +%Y) + 15))" ]; then pass; else fail "the clock cannot be set" "$year"; fi

register() {
    for number in 1 2 3 4; do
        curl -s --fail -o "$work/answer" -X PUT "$http/v1/hosts/web/$number" -d \
            '{"address":"10.0.0.'"$number"'","port":80,"ttl":"20s","checks":[{"id":"alive","ttl":"20s","status":"passing"}]}'
    done
}

register
for jump in +3600 -3600 +10y -10y +0; do
    set_clock "$jump"
    sleep 1
    expect "after $jump" 4
    # Who comes now holds its lease as long as any.
    curl -s --fail -o "$work/answer" -X PUT "$http/v1/hosts/late/$jump" -d '{"address":"10.0.1.1","port":80,"ttl":"2s"}' || true
done
sleep 3
late=$(dig "@$dns_address" -p "$dns_port" +short late.service.local | wc -l)
if [ "$late" -eq 0 ]; then pass; else fail "leases of two seconds" "hosts: $late, not 0"; fi
expect "before the end of the leases" 4
set_clock -10y
sleep 14
expect "after the end of the leases" 0
ended=$(curl -s "$http/metrics" | sed -n 's/^rollcall_leases_ended_total //p')
echo "leases ended: ${ended:-unknown}"
conclude
