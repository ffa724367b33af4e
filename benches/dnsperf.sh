#!/usr/bin/env bash
# DNS load on the real program with dnsperf, over UDP and TCP; prints one Markdown table. See README.md.
#
#   benches/dnsperf.sh [SECONDS [ROUNDS]]
#
# SERVICES (10000) and HOSTS (10 a service) are set by the environment. Where nsd is installed, it answers the same
# names in the same rounds: the ratio of the two is the figure to look at.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${1:-3} rounds=${2:-3}
services=${SERVICES:-10000} hosts=${HOSTS:-10}
nsd_port=${NSD_PORT:-5399}
server=${CARGO_TARGET_DIR:-target}/release/rollcall
work=$(mktemp -d)
children=()
ticks=$(getconf CLK_TCK)

cleanup() {
    for child in "${children[@]}"; do kill "$child" 2>/dev/null || true; done
    wait
    rm -rf "$work"
}
trap cleanup EXIT

need() {
    command -v "$1" >/dev/null || { echo "$0: needs $1" >&2; exit 1; }
}

# One program makes everything, so that both servers hold the same.
generate() {
    awk -v services="$services" -v hosts="$hosts" -v dir="$work" '
        function address(n) { return "10." int(n / 65536) % 256 "." int(n / 256) % 256 "." n % 256 }
        BEGIN {
            srand(1)
            zone = dir "/service.local.zone"
            print "$ORIGIN service.local.\n$TTL 5\n@ IN SOA ns hostmaster 1 4h 1h 1w 5\n@ IN NS ns\nns IN A 127.0.0.1" > zone
            for (s = 0; s < services; s++)
                for (h = 0; h < hosts; h++) {
                    n = s * hosts + h + 1
                    name = sprintf("svc-%06d", s)
                    hex = sprintf("%08x.addr", 10 * 16777216 + n)
                    printf "%s IN A %s\n%s IN SRV 0 1 8080 %s\n%s IN A %s\n", name, address(n), name, hex, hex, address(n) > zone
                    print name, n, address(n) > (dir "/hosts")
                }
            for (q = 0; q < 100000; q++)
                printf("svc-%06d.service.local %s\n", int(rand() * services), q % 2 ? "SRV" : "A") > (dir "/queries")
        }'
}

start_rollcall() {
    env -i HOME="$work" "$server" serve --http 127.0.0.1:0 --dns 127.0.0.1:0 --store memory --threads "${THREADS:-$(nproc)}" 2>"$work/log" &
    rollcall=$!
    children+=("$rollcall")
    for _ in $(seq 100); do
        grep -qs '^  dig ' "$work/log" && break
        sleep 0.1
    done
    http=$(sed -n 's|^  HTTP   \(http://[^ ]*\) .*|\1|p' "$work/log")
    dns=$(sed -n 's|^  DNS    127.0.0.1:\([0-9]*\),.*|\1|p' "$work/log")
    # Eight at a time, each over one connection.
    awk -v dir="$work" -v http="$http" '{
        part = dir "/register." NR % 8
        if (NR > 8) print "next" > part
        printf "url = \"%s/v1/hosts/%s/host-%d\"\nrequest = \"PUT\"\noutput = \"/dev/null\"\n", http, $1, $2 > part
        printf "data = \"{\\\"address\\\":\\\"%s\\\",\\\"port\\\":8080,\\\"ttl\\\":\\\"24h\\\"}\"\n", $3 > part
    }' "$work/hosts"
    local loaders=()
    for part in "$work"/register.*; do
        curl --silent --show-error --fail --config "$part" &
        loaders+=($!)
    done
    wait "${loaders[@]}"
    echo "registered: $(curl --silent "$http/metrics" | grep '^rollcall_hosts{status="passing"')" >&2
}

start_nsd() {
    cat >"$work/nsd.conf" <<CONF
server:
  server-count: ${THREADS:-$(nproc)}
  ip-address: 127.0.0.1@$nsd_port
  reuseport: yes
  username: ""
  zonesdir: "$work"
  database: ""
  logfile: "$work/nsd.log"
  pidfile: "$work/nsd.pid"
  xfrdfile: "$work/xfrd.state"
  zonelistfile: "$work/zone.list"
  rrl-ratelimit: 0
  tcp-count: 512
  do-ip6: no
remote-control:
  control-enable: no
zone:
  name: service.local
  zonefile: service.local.zone
CONF
    nsd -d -c "$work/nsd.conf" 2>"$work/nsd.err" &
    nsd=$!
    children+=("$nsd")
    for _ in $(seq 100); do
        dnsperf -s 127.0.0.1 -p "$nsd_port" -d "$work/queries" -n 1 -Q 10 -l 1 -t 1 2>/dev/null | grep -q 'NOERROR' && return
        sleep 0.1
    done
}

# CPU ticks of a process and its children, which nsd has.
cpu() {
    local total=0 process
    for process in "$1" $(pgrep -P "$1") $(pgrep -P "$1" | xargs -rn1 pgrep -P); do
        # After the name in parentheses: user time is the 12th field, system time the 13th.
        total=$((total + $(sed 's/.*) //' "/proc/$process/stat" | awk '{ print $12 + $13 }')))
    done
    echo "$total"
}

# NAME PROCESS PORT MODE: one line of figures, kept in $work/figures.
run() {
    local before after answer
    before=$(cpu "$2")
    answer=$(dnsperf -e -s 127.0.0.1 -p "$3" -d "$work/queries" -m "$4" -c 16 -T 1 -q "${WINDOW:-256}" -l "$seconds" 2>&1)
    after=$(cpu "$2")
    awk -v name="$1 $4" -v used=$((after - before)) -v ticks="$ticks" '
        /Queries completed:/ { completed = $3 }
        /Queries lost:/ { lost = $3 }
        /Queries per second:/ { rate = $4 }
        /Average Latency/ { latency = $4 * 1e6 }
        END { printf "%s %d %.2f %d %.0f\n", name, rate, used / ticks * 1e6 / completed, lost, latency }
    ' <<<"$answer" >>"$work/figures"
}

need dnsperf
need curl
[[ -x $server ]] || { echo "$0: build it first: cargo build --release" >&2; exit 1; }
generate
start_rollcall
peers=("rollcall $rollcall $dns")
if command -v nsd >/dev/null; then
    start_nsd
    peers+=("nsd $nsd $nsd_port")
fi
for _ in $(seq "$rounds"); do
    for mode in udp tcp; do
        for peer in "${peers[@]}"; do
            # shellcheck disable=SC2086 # three words
            run $peer "$mode"
        done
    done
done
echo "| server | transport | queries/s | CPU us a query | lost | latency us |"
echo "|---|---|---|---|---|---|"
# Medians over the rounds, each column by itself.
for peer in "${peers[@]}"; do
    for mode in udp tcp; do
        row="| ${peer%% *} | $mode |"
        for column in 3 4 5 6; do
            row+=" $(awk -v name="${peer%% *}" -v mode="$mode" -v column="$column" '$1 == name && $2 == mode { print $column }' "$work/figures" |
                sort -n | awk '{ value[NR] = $1 } END { print value[int((NR + 1) / 2)] }') |"
        done
        echo "$row"
    done
done
