#!/usr/bin/env bash
# Values in etcd that are no host: they are left alone and counted, they disturb no host beside them, and nothing ends by them.
# Usage: strangers.sh [VERSION OF ETCD]...
set -euo pipefail
source "$(dirname "$0")/common.sh"
need curl jq dig

# Puts standard input, which may be anything, as the value of a key.
put_value() {
    ctl put "$1" >"$work/put" 2>&1 || fail "etcdctl put $1" "$(tail -c 300 "$work/put")"
}

# Each line: a value that is no host wherever it stands.
values() {
    cat <<'VALUES'
garbage
{
[]
[1,2,3]
{}
null
42
"10.0.0.1"
{"host":"10.0.0.1","port":"eighty"}
{"host":"10.0.0.1","port":-1}
{"host":"10.0.0.1","port":65536}
{"host":"10.0.0.1","port":99999999999999999999999}
{"host":"10.0.0.1","port":80.5}
{"host":"10.0.0.1","port":[80]}
{"host":["10.0.0.1"],"port":80}
{"host":{"a":1},"port":80}
{"host":"","port":80}
{"host":" ","port":80}
{"host":"10.0.0.256","port":80}
{"host":"a b","port":80}
{"host":"-\u0000-","port":80}
{"host":12,"port":80}
{"host":null,"port":80}
{"port":80}
VALUES
}

put_all() {
    local number=0 value place
    while IFS= read -r value; do
        number=$((number + 1))
        for place in /services/odd /skydns/local/service/odd; do
            printf '%s' "$value" | put_value "$place/v$number"
        done
    done < <(values)
    printf '{"host":"10.0.0.1","port":0}' | put_value /services/odd/zero
    printf '\xff\xfe\x00\x80' | put_value /services/odd/binary
    printf '\xff\xfe\x00\x80' | put_value /skydns/local/service/odd/binary
    head -c 900000 /dev/zero | tr '\0' a | put_value /services/odd/huge
    { printf '{"host":"10.0.0.1","port":80,"x":"' && head -c 900000 /dev/zero | tr '\0' a && printf '"}'; } |
        put_value /skydns/local/service/odd/long
    { head -c 200000 /dev/zero | tr '\0' '['; } | put_value /services/odd/deep
    # Keys that name no service or no host.
    for place in /services /services/ /services// /services/odd /services/odd/ /services//x /services/odd/a/b/c /skydns /skydns/ \
        /skydns/local /skydns/local/service /skydns/local/service/ /skydns/com/example/www /servicesodd/x; do
        printf '{"host":"10.0.0.2","port":80}' | put_value "$place"
    done
    printf '{"host":"10.0.0.2","port":80}' | put_value "/services/$(head -c 400 /dev/zero | tr '\0' n)/x"
    printf '{"host":"10.0.0.2","port":80}' | put_value "/services/odd/$(head -c 4000 /dev/zero | tr '\0' i)"
    printf '{"host":"10.0.0.2","port":80}' | put_value "/services/ba d na.me/x y"
    printf '{"host":"10.0.0.2","port":80}' | put_value $'/services/\xff\xfe/\x80'
    # Also where our own rows are.
    for place in /rollcall/v1/rows/x /rollcall/v1/rows/web/native/a /rollcall/v1/rows/a/b/c/d/e /rollcall/v1/beats/x/y/z \
        /rollcall/v1/departures/x /rollcall/v1/nodes/x /rollcall/v9/rows/web/native/a /rollcall/x; do
        printf 'garbage' | put_value "$place"
        printf '{"form":1}' | put_value "$place-2"
    done
}

well() {
    local number
    for number in 1 2; do
        eventually "$1: the host beside them is there at node $number" 3 10.9.0.1 addresses_at "$number" good.service.local
        same "$1: node $number is ready" 200 "$(curl -s -o /dev/null -w '%{http_code}' "${node_urls[$number]}/readyz")"
    done
    nodes_are_well
}

[ $# -gt 0 ] || set -- 3.5
for version in "$@"; do
    find_etcd "$version"
    start_etcd 1
    start_nodes 2
    put_all
    printf '{"host":"10.9.0.1","port":80}' | put_value /services/good/g
    well "$version"
    left_alone=$(get 1 /metrics | grep -E '^rollcall_[a-z_]*(etcd|foreign|store)[a-z_]*.*' | grep -Ei 'ignored|left|foreign|refused|invalid|unread' || true)
    if [ "$(awk '{ sum += $NF } END { print (sum >= 45) }' <<<"$left_alone")" = 1 ]; then
        pass
    else
        fail "$version: values that are no host are counted" "$left_alone" "$(get 1 /metrics | grep -E '^rollcall_.*(etcd|store)' | head -n 20)"
    fi
    same "$version: as many of them as the log names" 20 "$(grep -c 'a key in etcd is left alone' "$work/node-1.log")"
    if grep -q 'a key in etcd is left alone.*/services/odd/v1"' "$work/node-1.log"; then
        pass
    else
        fail "$version: the first of them is in the log" "$(grep 'left alone' "$work/node-1.log" | cut -c1-300)"
    fi
    if [ "$(grep 'left alone' "$work/node-1.log" | awk '{ if (length > most) most = length } END { print most + 0 }')" -lt 700 ]; then
        pass
    else
        fail "$version: what is in the log is short"
    fi
    same "$version: what they say is in no answer" "" "$(addresses_at 1 web.service.local)"
    same "$version: the values are as they were" "garbage" "$(ctl get --print-value-only /services/odd/v1)"
    use_node 1
    register web a '{"address":"10.9.0.2","port":80}'
    all_show "$version: a row whose key was taken" 3 web.service.local 10.9.0.2
    # A node that finds them at its start.
    kill_node 1
    start_node 1
    well "$version, after a start"
    tables_equal "$version" 3
    ctl del --prefix /services/odd >/dev/null
    ctl del --prefix /skydns/ >/dev/null
    well "$version, when they are gone"
    tables_equal "$version, when they are gone" 3
    stop_nodes
    stop_etcd
done
conclude
