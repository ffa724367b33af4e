#!/usr/bin/env bash
# One table for rollcall and Lyft's discovery service, in DynamoDB: the model of Lyft's service (pynamodb) and boto3 beside
# two rollcalls, on moto and, where Node is new enough, on dynalite.
# Usage: tests/clients/dynamodb.sh [moto|dynalite]... (ROLLCALL names another program than the debug build).
#
# Exit codes: 0 all as it should be, 1 something is not, 77 nothing was tried.
set -euo pipefail
source "$(dirname "$0")/dynamodb/common.sh"
parts=$(cd "$(dirname "$0")/dynamodb" && pwd)
need dig curl jq
export AWS_ACCESS_KEY_ID=x AWS_SECRET_ACCESS_KEY=x DYNAMODB_TABLE_HOSTS=hosts
second=

lyft() {
    "$python" "$parts/lyft.py" "$@"
}

raw() {
    "$python" "$parts/raw.py" "$@"
}

# ---- the engine ----

# Sets `dynalite` to where it is, or says that it cannot be had.
find_dynalite() {
    dynalite=$cache/dynalite-4.0.0
    [ -e "$dynalite/node_modules/dynalite/cli.js" ] && return
    command -v npm >/dev/null && [ "$(node --version | sed 's/v\([0-9]*\).*/\1/')" -ge 20 ] || return 1
    rm -rf "$dynalite" && mkdir -p "$dynalite"
    (cd "$dynalite" && npm install --silent dynalite@4.0.0) >"$work/npm" 2>&1
}

# ---- the servers ----

finish() {
    stop_engine
    [ -z "$second" ] || kill "$second" 2>/dev/null || true
    stop_server
    rm -rf "$work"
}

# Two servers on one table; `http` is the first, `other` the second.
start_both() {
    local ready
    store=dynamodb
    start_server "${settings[@]}" "$@"
    env -i HOME="$work" "${settings[@]}" "$@" ROLLCALL_NODE_NAME=second "$ROLLCALL" serve --store dynamodb \
        --http 127.0.0.1:0 --dns 127.0.0.1:0 >"$work/out2" 2>"$work/log2" </dev/null &
    second=$!
    for _ in $(seq 1 300); do
        ready=$(grep -o ' ready http=[^ ]*' "$work/log2" || true)
        [ -n "$ready" ] && break
        sleep 0.1
    done
    other=http://${ready#* ready http=}
}

stop_both() {
    stop_server
    kill "$second" 2>/dev/null || true
    wait "$second" 2>/dev/null || true
    second=
}

# ---- what is found ----

addresses() {
    dig "@$dns_address" -p "$dns_port" +short +tries=1 +time=3 "$1.service.local" A | sort | paste -sd' '
}

# What Lyft's API of the server at $1 lists of the service $2.
listed() {
    curl -s --max-time 5 "$1/v1/registration/$2" |
        jq -r '[.hosts[] | "\(.ip_address):\(.port) \(.tags.load_balancing_weight)"] | join(" ")'
}

# A form to Lyft's API of the server at $1; prints the status.
form() {
    local url=$1
    shift
    curl -s --max-time 20 -o "$work/body" -w '%{http_code}' "$url" "$@"
}

check_in() {
    form "$1/v1/registration/$2" -d "ip=$3" -d "port=$4" -d revision=r2 -d service_repo_name="${5:-}" \
        -d 'tags={"az":"a","instance_id":"i-9","region":"r"}'
}

# ---- what is tried ----

# As Lyft's service makes it, and as rollcall does.
layouts() {
    local made
    lyft create
    made=$(raw layout)
    lyft clear
    start_server "${settings[@]}"
    same "the table is made as Lyft's service makes it" "$made" "$(raw layout)"
    stop_server
}

# Whoever registers with Lyft's service is found here.
lyft_to_rollcall() {
    lyft register web 10.0.0.1 80 webrepo
    eventually "a host of Lyft's service is in DNS" 3 10.0.0.1 addresses web
    eventually "and in Lyft's API of the other server" 3 "10.0.0.1:80 null" listed "$other" web
    same "and in its list of the repository" "10.0.0.1" \
        "$(curl -s "$http/v1/registration/repo/webrepo" | jq -r '.hosts[].ip_address')"
    lyft weigh web 10.0.0.1 7
    eventually "its weight, too" 3 "10.0.0.1:80 7" listed "$http" web
    lyft register web 10.0.0.1 81 webrepo
    eventually "its other port, its weight kept" 3 "10.0.0.1:81 7" listed "$http" web
    raw number web 10.0.0.1 port 82
    eventually "what a script changed" 3 "10.0.0.1:82 7" listed "$http" web
    same "a weight set here is there" "204" "$(form "$http/v1/loadbalancing/web/10.0.0.1" -d load_balancing_weight=9)"
    same "with all that was there" \
        "web 10.0.0.1:82 webrepo r1 az=us-east-1a,instance_id=i-1,load_balancing_weight=9,region=us-east-1" "$(lyft query web)"
    lyft delete web 10.0.0.1
    eventually "a host that left there is gone" 3 "" addresses web
    raw put odd 10.0.0.9 99999 '{}'
    raw put odd 10.0.0.8 80 '[]'
    raw put web 10.0.0.7 80 '{"load_balancing_weight": "huge", "canary": "maybe", "az": 1}'
    eventually "an odd weight is left out, its host is not" 3 "10.0.0.7:80 null" listed "$http" web
    same "items that are no hosts are in no answer" "" "$(listed "$http" odd)"
    eventually "and counted" 3 2 strange
    same "a registration in such a place mends it" "200" "$(check_in "$http" odd 10.0.0.9 80)"
    same "and is read there" "odd 10.0.0.9:80 - r2 az=a,instance_id=i-9,region=r" "$(lyft query odd | grep 0.9)"
}

strange() {
    curl -s "$http/metrics" | sed -n 's/^rollcall_dynamodb_strange_items //p'
}

# Whoever registers here is found by Lyft's service.
rollcall_to_lyft() {
    same "registered" "200" "$(check_in "$http" api 10.0.1.1 80 apirepo)"
    same "Lyft's service reads it" "api 10.0.1.1:80 apirepo r2 az=a,instance_id=i-9,region=r" "$(lyft query api)"
    same "by its repository, too" "api 10.0.1.1:80 apirepo r2 az=a,instance_id=i-9,region=r" "$(lyft repo apirepo)"
    same "it has Lyft's attributes and a version" \
        "ip_address last_check_in port revision rollcall_version service service_repo_name tags" "$(raw names api 10.0.1.1)"
    eventually "the other server has it" 3 "10.0.1.1:80 null" listed "$other" api
    same "a host of the native API" "201" \
        "$(form "$http/v1/hosts/api/n1" -X PUT -d '{"address":"10.0.1.2","port":80,"tags":["v1"]}')"
    same "is not in Lyft's list, which gives keys for addresses" "10.0.1.1:80" "$(lyft query api | cut -d' ' -f2)"
    same "but in a place of its own, for the model to read" "rollcall/v1/api native/n1:80 - - az=,instance_id=n1,region=" \
        "$(lyft query rollcall/v1/api)"
    same "the whole table can be read" yes "$([ "$(lyft everything)" -ge 4 ] && echo yes)"
    eventually "the other server has both" 3 "10.0.1.1:80 null 10.0.1.2:80 null" listed "$other" api
    eventually "DNS too" 3 "10.0.1.1 10.0.1.2" addresses api
    same "the other server takes it out" "204" "$(form "$other/v1/hosts/api/n1" -X DELETE)"
    eventually "it is gone" 3 10.0.1.1 addresses api
    same "a host is drained" "200" "$(form "$http/v1/hosts/api/10.0.1.1/drain?origin=lyft" -X PUT -d '{"enable":true}')"
    eventually "at the other server, too" 3 "" listed "$other" api
    lyft register api 10.0.1.1 80 apirepo
    sleep 1.5
    same "a heartbeat through Lyft's service does not end that" "" "$(listed "$other" api)"
    eventually "what it dropped is written again" 3 yes has_row api 10.0.1.1
    same "Lyft's API takes it out" "200" "$(form "$other/v1/registration/api/10.0.1.1" -X DELETE)"
    same "for Lyft's service as well" "" "$(lyft query api)"
}

has_row() {
    [ "$(raw get "$1" "$2" rollcall)" = none ] || echo yes
}

# Conditional writes: of two servers that write one host at a time none takes from the other.
both_write() {
    local number
    check_in "$http" duel 10.0.2.1 80 >/dev/null
    eventually "both have it" 3 "10.0.2.1:80 null" listed "$other" duel
    for number in $(seq 1 10); do
        form "$http/v1/hosts/duel/x$number" -X PUT -d "{\"address\":\"10.0.3.$number\"}" >/dev/null &
        form "$http/v1/hosts/duel/10.0.2.1/drain?origin=lyft" -X PUT -d '{"enable":false}' >/dev/null &
        form "$other/v1/loadbalancing/duel/10.0.2.1" -d "load_balancing_weight=$number" >/dev/null &
        wait $! || true
    done
    sleep 0.5
    same "the last weight stands" "10" "$(lyft query duel | sed -n 's/.*weight=\([0-9]*\).*/\1/p')"
    eventually "and all hosts are there" 3 10 count_of duel
}

count_of() {
    curl -s "$other/v1/hosts/$1" | jq '[.hosts[] | select(.id | startswith("x"))] | length'
}

# Between two readings: a call about a host that the other server registered just now.
unheard() {
    local number
    stop_both
    start_both ROLLCALL_DYNAMODB_POLL=60s
    for number in 1 2 3 4; do
        form "$other/v1/hosts/unheard/n$number" -X PUT -d '{"address":"10.0.8.1","port":80,"ttl":"60s"}' >/dev/null
        check_in "$other" unheard "10.0.8.$number" 80 >/dev/null
    done
    same "the first has not heard of them" "" "$(listed "$http" unheard)"
    same "a heartbeat finds its host" 200 "$(form "$http/v1/hosts/unheard/n1/renew" -X POST)"
    same "so does a drain" 200 "$(form "$http/v1/hosts/unheard/n2/drain" -X PUT -d '{"enable":true}')"
    same "a weight" 200 "$(form "$http/v1/hosts/unheard/n3/weight" -X PUT -d '{"weight":3}')"
    same "a deregistration" 204 "$(form "$http/v1/hosts/unheard/n4" -X DELETE)"
    same "a heartbeat of a host of Lyft's API by the native one" 200 "$(form "$http/v1/hosts/unheard/10.0.8.1/renew" -X POST)"
    same "Lyft's weight" 204 "$(form "$http/v1/loadbalancing/unheard/10.0.8.2" -d load_balancing_weight=5)"
    same "Lyft's deregistration" 200 "$(form "$http/v1/registration/unheard/10.0.8.3" -X DELETE)"
    same "a host that is nowhere" 404 "$(form "$http/v1/hosts/unheard/nobody/renew" -X POST)"
    same "what was looked up is there, the rest is heard of later" "n1 n2 n3" \
        "$(curl -s "$http/v1/hosts/unheard" | jq -r '[.hosts[] | select(.origin == "native") | .id] | join(" ")')"
    same "what left is out of the table" "10.0.8.1 10.0.8.2 10.0.8.4" "$(in_table unheard)"
    # One after the other, so that the bound is that of a reading, and all at once.
    for number in $(seq 300); do
        form "$http/v1/hosts/unheard/x$number/renew?origin=native" -X POST >/dev/null
    done
    seq 200 | xargs -P 50 -I{} curl -s -o /dev/null -X POST "$http/v1/hosts/unheard/y{}/renew"
    same "many calls about hosts that are nowhere are no storm" yes \
        "$([ "$(curl -s "$http/metrics" | sed -n 's/^rollcall_dynamodb_lookups_total //p')" -le 200 ] && echo yes)"
}

# Between two readings: a call that finds its host as it wants it, which the other server has changed just now.
unseen() {
    local host number native
    stop_both
    start_both ROLLCALL_DYNAMODB_POLL=10s
    native=$http/v1/hosts/unseen
    for number in 1 2 3 4 5; do put_unseen "$http" "$number" "10.0.10.$number" >/dev/null; done
    for number in 6 7; do check_in "$http" unseen "10.0.10.$number" 80 >/dev/null; done
    eventually "the other server has all of them" 25 7 count_unseen "$other"
    for host in n1 n5; do form "$other/v1/hosts/unseen/$host" -X DELETE >/dev/null; done
    put_unseen "$other" 2 10.0.10.200 >/dev/null
    form "$other/v1/hosts/unseen/n3/drain" -X PUT -d '{"enable":true}' >/dev/null
    form "$other/v1/hosts/unseen/n4/weight" -X PUT -d '{"weight":5}' >/dev/null
    form "$other/v1/registration/unseen/10.0.10.6" -X DELETE >/dev/null
    same "a host that left there registers here" 201 "$(put_unseen "$http" 1 10.0.10.1)"
    same "one that had another address" 200 "$(put_unseen "$http" 2 10.0.10.2)"
    same "a drain is ended" 200 "$(form "$native/n3/drain" -X PUT -d '{"enable":false}')"
    same "a weight is set back" 200 "$(form "$native/n4/weight" -X PUT -d '{"weight":1}')"
    same "a batch" 200 "$(form "$http/v1/hosts" \
        -d '{"hosts":[{"service":"unseen","id":"n5","address":"10.0.10.5","port":80,"ttl":"60s"}]}')"
    same "a host of Lyft's API" 200 "$(check_in "$http" unseen 10.0.10.6 80)"
    same "one that nobody changed" 200 "$(check_in "$http" unseen 10.0.10.7 80)"
    number=$(confirmations)
    same "a heartbeat" 200 "$(form "$native/n1/renew" -X POST)"
    same "of its own call costs no reading" "$number" "$(confirmations)"
    sleep 21
    for host in "$http" "$other"; do
        same "all are as they were asked for last, at $host" \
            "10.0.10.1 10.0.10.2 10.0.10.3 10.0.10.4 10.0.10.5 10.0.10.6 10.0.10.7 false 1" "$(all_unseen "$host")"
    done
}

put_unseen() { form "$1/v1/hosts/unseen/n$2" -X PUT -d "{\"address\":\"$3\",\"port\":80,\"ttl\":\"60s\"}"; }
count_unseen() { curl -s "$1/v1/hosts/unseen" | jq '.hosts | length'; }
confirmations() { curl -s "$http/metrics" | sed -n 's/^rollcall_dynamodb_confirmations_total //p'; }
all_unseen() {
    curl -s "$1/v1/hosts/unseen" | jq -r '.hosts | [([.[].addresses[]] | sort | .[]),
        ([.[].draining] | unique | .[]), ([.[].weight] | unique | .[])] | join(" ")'
}

# The table is deleted: that is said, also where it could not be reached before, and it is used again when it is there.
no_table() {
    stop_both
    start_both
    check_in "$http" lost 10.0.9.1 80 >/dev/null
    stop_engine
    eventually "the engine is gone" 10 refused reason
    start_engine moto
    eventually "it is back, and has no table" 15 "has no table hosts" reason
    same "names are answered" 10.0.9.1 "$(addresses lost)"
}

reason() {
    curl -s "$http/readyz" | jq -r '.degraded // ""' | grep -oE 'has no table hosts|refused' | head -n 1
}

# Leases: of hosts that beat here, there, and nowhere.
leases() {
    local _
    stop_both
    start_both HOST_TTL=6
    lyft register lease 10.0.4.1 80
    check_in "$http" lease 10.0.4.2 80 >/dev/null
    check_in "$http" lease 10.0.4.3 80 >/dev/null
    eventually "all three are there" 3 "10.0.4.1 10.0.4.2 10.0.4.3" addresses lease
    for _ in 1 2 3 4 5; do
        sleep 1.5
        lyft register lease 10.0.4.1 80
        check_in "$other" lease 10.0.4.2 80 >/dev/null
        [ "$(addresses lease)" != "" ] || fail "a host that beats is gone"
    done
    eventually "who beats elsewhere stays, who beats nowhere ends" 4 "10.0.4.1 10.0.4.2" addresses lease
    eventually "in the table, too" 3 "10.0.4.1 10.0.4.2" in_table lease
    same "heartbeats here keep a host for Lyft's service" yes "$([ "$(lyft age lease 10.0.4.2)" -le 4 ] && echo yes)"
    eventually "in the end all are gone" 14 "" in_table lease
}

# Hosts that fall silent together are kept at both; each way out of it at one counts at the other.
braked() {
    local number
    stop_both
    start_both HOST_TTL=8 ROLLCALL_BRAKE_CAP=10
    for number in 1 2 3 4 5 6; do check_in "$http" brake "10.0.8.$number" 80 >/dev/null; done
    eventually "six are there" 3 6 hosts_at "$other"
    eventually "six are kept here" 20 6 held_at "$http"
    eventually "and there" 8 6 held_at "$other"
    same "in the answers" "10.0.8.1 10.0.8.2 10.0.8.3 10.0.8.4 10.0.8.5 10.0.8.6" "$(addresses brake)"
    same "one takes itself out" "200" "$(form "$other/v1/registration/brake/10.0.8.1" -X DELETE)"
    lyft delete brake 10.0.8.2
    check_in "$other" brake 10.0.8.3 80 >/dev/null
    for number in "$http" "$other"; do
        eventually "two have left, one is back, at $number" 4 "4 3" kept_of "$number"
    done
    same "an operator lets go" '{"released":3}' "$(curl -s -X POST "$other/v1/brake/release?service=brake")"
    for number in "$http" "$other"; do
        eventually "three have left at $number" 6 0 held_at "$number"
    done
    eventually "and in the table" 8 yes is_let_go
}

hosts_at() { curl -s "$1/v1/hosts/brake" | jq '.hosts | length'; }
held_at() { curl -s "$1/v1/brake" | jq '[.held[] | select(.service == "brake")] | length'; }
kept_of() { echo "$(hosts_at "$1") $(held_at "$1")"; }
is_let_go() { in_table brake | grep -Eq '^(10.0.8.3)?$' && echo yes; }

in_table() {
    lyft query "$1" | sed 's/^[^ ]* \([^:]*\):.*/\1/' | paste -sd' '
}

# The engine hangs, ends, and comes back: names are answered, nobody is lost.
away() {
    stop_both
    start_both HOST_TTL=4
    lyft register far 10.0.5.1 80
    check_in "$http" far 10.0.5.2 80 >/dev/null
    eventually "both are there" 3 "10.0.5.1 10.0.5.2" addresses far
    kill -STOP "$engine"
    eventually "a write is refused" 15 503 check_in "$http" far 10.0.5.3 80
    same "at once, and with when to come again" yes \
        "$(curl -s --max-time 1 -D - -o /dev/null "$http/v1/registration/far" -d ip=10.0.5.3 -d port=80 -d revision=r \
            -d 'tags={"az":"a","instance_id":"i","region":"r"}' | grep -qi '^retry-after:' && echo yes)"
    sleep 5
    same "nobody ends for it" "10.0.5.1 10.0.5.2" "$(addresses far)"
    same "ready, and degraded" "200 true" "$(curl -s -w '%{http_code}' -o "$work/ready" "$http/readyz") $(jq 'has("degraded")' "$work/ready")"
    kill -CONT "$engine"
    eventually "it is back" 10 200 check_in "$http" far 10.0.5.3 80
    eventually "all are there" 3 "10.0.5.1 10.0.5.2 10.0.5.3" addresses far
    same "degraded no more" false "$(curl -s "$http/readyz" | jq 'has("degraded")')"
}

# The one that keeps its items on the disk is ended altogether.
ended() {
    start_both
    lyft register kept 10.0.6.1 80
    eventually "it is there" 3 10.0.6.1 addresses kept
    stop_engine
    eventually "a write is refused" 5 503 check_in "$http" kept 10.0.6.2 80
    same "names are answered" 10.0.6.1 "$(addresses kept)"
    start_engine "$1"
    eventually "it is back" 10 200 check_in "$http" kept 10.0.6.2 80
    lyft delete kept 10.0.6.1
    eventually "and followed" 4 10.0.6.2 addresses kept
}

# A node and a service that stands on it in one call, both of them other than before.
catalog() {
    same "a node and its service" 200 "$(register_both 10.0.11.1 80)"
    same "the same" 200 "$(register_both 10.0.11.1 80)"
    same "the node has another address" 200 "$(register_both 10.0.11.2 80)"
    same "both are other" 200 "$(register_both 10.0.11.3 81)"
    eventually "at the other server, too" 5 "10.0.11.3 81" \
        eval 'curl -s "$other/v1/catalog/service/placed" | jq -r ".[] | \"\(.Address) \(.ServicePort)\""'
}

register_both() {
    form "$http/v1/catalog/register" -X PUT \
        -d "{\"Node\":\"n9\",\"Address\":\"$1\",\"Service\":{\"Service\":\"placed\",\"ID\":\"placed1\",\"Port\":$2}}"
}

# What several rows are written by: one transaction, which dynalite does not have.
together() {
    local number
    for number in 1 2 3; do check_in "$http" many "10.0.7.$number" 80 >/dev/null; done
    same "the weight of all of a service" "204" "$(form "$http/v1/loadbalancing/many" -d load_balancing_weight=42)"
    same "is there for each" 3 "$(lyft query many | grep -c 'weight=42')"
}

# What every store has to do, on this engine; BATTERY is the command that tries it, from the place of the sources.
battery() {
    local words
    [ -n "${BATTERY:-}" ] || return 0
    read -ra words <<<"$BATTERY"
    if (cd "$root" && ROLLCALL_TEST_DYNAMODB=$DYNAMODB_URL "${words[@]}") >"$work/battery" 2>&1; then
        pass
    else
        fail "the battery" "$(tail -n 30 "$work/battery")"
    fi
}

try() {
    if [ "$1" = dynalite ] && ! find_dynalite; then
        skip "dynalite needs npm and Node 20: it is not tried"
        return
    fi
    place_engine
    settings+=(ROLLCALL_RECORD_TTL=0s ROLLCALL_NEGATIVE_TTL=0s)
    start_engine "$1"
    store=dynamodb
    layouts
    start_both
    lyft_to_rollcall
    rollcall_to_lyft
    case $1 in
    moto)
        both_write
        together
        catalog
        unheard
        unseen
        leases
        braked
        away
        no_table
        ;;
    dynalite)
        stop_both
        ended "$1"
        ;;
    esac
    stop_both
    battery
    stop_engine
}

for emulator in "${@:-moto}"; do try "$emulator"; done
[ $# -gt 0 ] || try dynalite
conclude
