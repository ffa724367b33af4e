#!/usr/bin/env bash
# Tables from one server to another, and from foreign systems: export and import between a file store and a memory store
# with hosts of every API, cut and broken files, 100,000 hosts with the memory they take, a Lyft discovery service (a
# stand-in with answers as the real one gives them, as that is in no package registry), a real Consul, and a rollcall
# that is taken for one. Usage: tests/clients/adopt.sh [NAME]... of: export lyft consul rollcall many.
set -euo pipefail
source "$(dirname "$0")/clients.sh"
here=$(cd "$(dirname "$0")/adopt" && pwd)
need curl jq dig python3

# Starts a server more, which stays beside those that are there; the variables of the last one are `http` and so on.
beside() {
    [ -z "$server" ] || children+=("$server")
    server=
    start_server "$@"
}

# A file store with the name $1.
file_store() {
    store=file
    beside ROLLCALL_DATA_DIR="$work/$1" ROLLCALL_NODE_NAME="$1" ROLLCALL_MINOS_CHECK=none "${@:2}"
    store=memory
}

digest() {
    curl -sf "$1/v1/digest" | jq -c '[.hosts, .digest]'
}

# $1: what is compared; $2, $3: two texts.
same() {
    if [ "$2" = "$3" ] && [ -n "$2" ]; then pass; else fail "$1" "$(diff <(echo "$2") <(echo "$3"))"; fi
}

# $1: what it is about; $2: a part of what a command must say; then the command, which must fail.
refuses() {
    local title=$1 part=$2 said
    shift 2
    if said=$("$@" 2>&1); then
        fail "$title: nothing was refused" "$said"
    elif grep -qF -- "$part" <<<"$said"; then
        pass
    else
        fail "$title: another reason" "$said"
    fi
}

# Hosts of every API, at the server $1.
populate() {
    local tags='tags={"az":"a","instance_id":"i-1","region":"r","canary":true,"load_balancing_weight":7}'
    curl -sf -o "$work/answer" -X PUT "$1/v1/hosts/web/n1" -d '{"addresses":["10.0.0.1","fd00::1"],"ports":[{"name":"http","port":80}],
        "tags":["v1"],"meta":{"k":"v"},"weight":5,"priority":1,"ttl":"1h","zone":"a","region":"r","namespace":"prod",
        "checks":[{"id":"c","status":"warning","output":"slow"},{"id":"t","ttl":"1h","status":"passing"}]}'
    curl -sf -o "$work/answer" -X PUT "$1/v1/hosts/web/n2" -d '{"address":"10.0.0.2","port":81}'
    curl -sf -o "$work/answer" -X PUT "$1/v1/hosts/web/n2/drain" -d '{"enable":true}'
    curl -sf -o "$work/answer" "$1/v1/registration/web" -d ip=10.0.1.1 -d port=80 -d revision=abc -d service_repo_name=repo \
        --data-urlencode "$tags"
    curl -sf -o "$work/answer" "$1/v1/registration/Orders" -d ip=10.0.1.2 -d port=81 -d revision=abc --data-urlencode "$tags"
    curl -sf -X PUT "$1/v1/catalog/register" -d '{"Node":"N2","ID":"40e4a748-2192-161a-0510-9bf59fe950b5","Address":"10.0.2.1",
        "TaggedAddresses":{"wan":"192.0.2.7"},"NodeMeta":{"rack":"7"},
        "Service":{"ID":"web-2","Service":"web","Port":8080,"Tags":["Primary","v1"],"Meta":{"m":"x"},"Weights":{"Passing":9,"Warning":2},
        "TaggedAddresses":{"wan":{"Address":"192.0.2.8","Port":99}}},
        "Checks":[{"CheckID":"up","Name":"is it up","Status":"warning","Output":"so so","ServiceID":"web-2","Notes":"n",
        "Definition":{"TCP":"10.0.2.1:8080","Interval":"10s"}},{"CheckID":"node-up","Name":"node","Status":"passing"}]}' >/dev/null
    curl -sf -X PUT "$1/v1/agent/service/register" -d '{"Name":"db","ID":"db-1","Address":"10.0.2.9","Port":5432,
        "Checks":[{"CheckID":"ttl","TTL":"1h","Status":"passing"},{"TCP":"127.0.0.1:1","Interval":"1h","Status":"passing"}]}'
    curl -sf -X PUT "$1/v1/agent/service/register" -d '{"Name":"plain","Port":5433}'
    curl -sf -X PUT "$1/v1/agent/check/register" -d '{"Name":"disk","TTL":"1h","Status":"warning"}'
    curl -sf -o "$work/answer" "$1/microservices/gateway" -d '{"address":"10.0.3.1","port":8080,"endpoints":[["GET","/orders/{id}"]]}'
}

# What people ask of a server, without what differs by nature: revisions, moments, and what the server says of itself.
answers() {
    local url=$1 address=$2 port=$3 path name
    for path in /v1/hosts /v1/services /v1/registration/web /v1/registration/Orders /v1/registration/repo/repo \
        /v1/catalog/services /v1/catalog/service/web /v1/catalog/service/db /v1/health/service/web /v1/health/service/db \
        /v1/catalog/node/n2 /v1/health/node/N2 /v1/health/state/any; do
        echo "$path $(curl -sf "$url$path" | jq -cS 'walk(if type == "object" then del(.revision, .created_revision,
            .modified_revision, .CreateIndex, .ModifyIndex, .last_check_in, .expires_at, .last_renewed, .since, .renewed_at, .registered_at)
            else . end) | if type == "array" then sort_by(.Node, .CheckID) else . end')"
    done
    for name in web db orders plain gateway; do
        echo "$name $(dig "@$address" -p "$port" +short "$name.service.local" A "$name.service.local" SRV | sort | tr '\n' ';')"
    done
}

part_export() {
    local from from_dns from_port to
    file_store same-node
    from=$http from_dns=$dns_address from_port=$dns_port
    populate "$from"
    "$ROLLCALL" export --server "$from" "$work/table.jsonl" 2>"$work/said" || fail "export" "$(cat "$work/said")"
    [ "$(stat -c %a "$work/table.jsonl")" = 600 ] && pass || fail "others can read the export"
    beside ROLLCALL_NODE_NAME=same-node ROLLCALL_MINOS_CHECK=none
    to=$http
    same "a dry run says what it would do" "nothing is done; it would be: created 9, updated 1, unchanged 0, kept 0, skipped 0, refused 0" \
        "$("$ROLLCALL" import --server "$to" --dry-run "$work/table.jsonl")"
    same "nothing was done" '[0,' "$(digest "$to" | cut -c 1-3)"
    same "an import says what it did" "created 9, updated 1, unchanged 0, kept 0, skipped 0, refused 0" \
        "$("$ROLLCALL" import --server "$to" "$work/table.jsonl")"
    same "the digests are equal" "$(digest "$from")" "$(digest "$to")"
    same "the answers are equal" "$(answers "$from" "$from_dns" "$from_port")" "$(answers "$to" "$dns_address" "$dns_port")"
    same "the same once more changes nothing" "created 0, updated 0, unchanged 10, kept 0, skipped 0, refused 0" \
        "$("$ROLLCALL" import --server "$to" "$work/table.jsonl")"
    curl -sf -o "$work/answer" -X PUT "$to/v1/hosts/web/n2" -d '{"address":"10.0.0.3","port":81}'
    same "what is there can be kept" "created 0, updated 0, unchanged 0, kept 10, skipped 0, refused 0" \
        "$("$ROLLCALL" import --server "$to" --keep "$work/table.jsonl")"
    same "else it is replaced" "created 0, updated 1, unchanged 9, kept 0, skipped 0, refused 0" \
        "$("$ROLLCALL" export --server "$from" | "$ROLLCALL" import --server "$to" -)"
    "$ROLLCALL" export --server "$to" >"$work/back.jsonl"
    file_store back
    "$ROLLCALL" import --server "$http" "$work/back.jsonl" >"$work/said"
    same "and back into a file store" "$(digest "$from")" "$(digest "$http")"
    broken_files "$to"
}

# $1: a server with what the export has.
broken_files() {
    local before
    before=$(digest "$1")
    head -n -1 "$work/table.jsonl" >"$work/short"
    refuses "a file without its last line" "the export is cut: its first line says 10 rows, and 9 follow" \
        "$ROLLCALL" import --server "$1" "$work/short"
    head -c -20 "$work/table.jsonl" >"$work/short"
    refuses "a file without its end" "has no end" "$ROLLCALL" import --server "$1" "$work/short"
    refuses "the same from a pipe" "has no end" "$ROLLCALL" import --server "$1" - <"$work/short"
    sed '1s/"version":1/"version":2/' "$work/table.jsonl" >"$work/newer"
    refuses "a newer export" "the export is of version 2" "$ROLLCALL" import --server "$1" "$work/newer"
    sed '5s/"version":1/"version":2/' "$work/table.jsonl" >"$work/newer"
    refuses "a newer line" "line 5: version 2 of the stored form" "$ROLLCALL" import --server "$1" "$work/newer"
    sed '4s/.*/garbage/' "$work/table.jsonl" >"$work/garbage"
    refuses "garbage" "line 4: the value is malformed" "$ROLLCALL" import --server "$1" "$work/garbage"
    sed '4{p;s/.*/{}/}' "$work/table.jsonl" | sed '1s/"rows":10/"rows":11/' >"$work/empty"
    refuses "an empty object" "line 5: the value is malformed: missing field \`version\`" "$ROLLCALL" import --server "$1" "$work/empty"
    sed '4p' "$work/table.jsonl" | sed '1s/"rows":10/"rows":11/' >"$work/twice"
    refuses "a line that is there twice" "line 5: the row of line 4 once more" "$ROLLCALL" import --server "$1" "$work/twice"
    refuses "no export" "its first line is not that of one" "$ROLLCALL" import --server "$1" "$0"
    refuses "no file" "cannot read" "$ROLLCALL" import --server "$1" "$work/nothing"
    refuses "no server" "cannot ask" "$ROLLCALL" export --server http://127.0.0.1:1 "$work/none"
    [ ! -e "$work/none" ] && [ ! -e "$work/none.partial" ] && pass || fail "a failed export left a file"
    same "nothing of this changed a row" "$before" "$(digest "$1")"
}

part_lyft() {
    local from to hosts='del(.env) | .hosts |= (map(del(.last_check_in) | .service_repo_name //= "") | sort_by(.ip_address))'
    free_port
    spawn lyft python3 "$here/lyft.py" "$port"
    from=http://127.0.0.1:$port
    for _ in $(seq 1 50); do curl -sf "$from/healthcheck" >/dev/null && break || sleep 0.1; done
    beside
    to=$http
    same "a dry run" "nothing is done; it would be: created 4, updated 0, unchanged 0, kept 0, skipped 0, refused 0" \
        "$("$ROLLCALL" import --server "$to" --dry-run --lyft "$from" web Orders)"
    same "hosts are taken" "created 4, updated 0, unchanged 0, kept 0, skipped 0, refused 0" \
        "$("$ROLLCALL" import --server "$to" --lyft "$from" web Orders)"
    for service in web Orders; do
        same "the list of $service" "$(curl -sf "$from/v1/registration/$service" | jq -cS "$hosts")" \
            "$(curl -sf "$to/v1/registration/$service" | jq -cS "$hosts")"
    done
    same "DNS has them" "10.9.0.1 10.9.0.2 10.9.0.3 " "$(dig "@$dns_address" -p "$dns_port" +short web.service.local A | sort | tr '\n' ' ')"
    same "once more" "created 0, updated 0, unchanged 4, kept 0, skipped 0, refused 0" \
        "$("$ROLLCALL" import --server "$to" --lyft "$from" web Orders)"
    curl -sf -o "$work/answer" "$to/v1/registration/web" -d ip=10.9.0.1 -d port=1 -d revision=x \
        --data-urlencode 'tags={"az":"a","instance_id":"i","region":"r","more":1}'
    same "keep" "created 0, updated 0, unchanged 2, kept 1, skipped 0, refused 0" \
        "$("$ROLLCALL" import --server "$to" --keep --lyft "$from" web)"
    same "replace" "created 0, updated 1, unchanged 2, kept 0, skipped 0, refused 0" \
        "$("$ROLLCALL" import --server "$to" --lyft "$from" web)"
    same "the list after it" "$(curl -sf "$from/v1/registration/web" | jq -cS "$hosts")" \
        "$(curl -sf "$to/v1/registration/web" | jq -cS "$hosts")"
    refuses "no names" "name the services" "$ROLLCALL" import --server "$to" --lyft "$from"
    refuses "a host that rollcall cannot have" "bad/10.9.0.9" "$ROLLCALL" import --server "$to" --lyft "$from" bad
    # A rollcall has a list of its services.
    from=$to
    beside
    same "from a rollcall, all services" "created 4, updated 0, unchanged 0, kept 0, skipped 0, refused 0" \
        "$("$ROLLCALL" import --server "$http" --lyft "$from")"
    same "the digests are equal" "$(digest "$from")" "$(digest "$http")"
}

# What a Consul says of what stands on the nodes $2..., without what counts its changes, without the kind of a check, which
# rollcall does not keep of checks that others do, and with one word for nothing: `null` and `{}`.
catalog() {
    local url=$1 node service
    for node in "${@:2}"; do
        echo "$node $(curl -sf "$url/v1/catalog/node/$node" | jq -cS "$CATALOG")"
        echo "$node $(curl -sf "$url/v1/health/node/$node" | jq -cS "$CATALOG | sort_by(.CheckID)")"
    done
    for service in web api db; do
        echo "$service $(curl -sf "$url/v1/catalog/service/$service" | jq -cS "$CATALOG | sort_by(.Node, .ServiceID)")"
        echo "$service $(curl -sf "$url/v1/health/service/$service" | jq -cS "$CATALOG | sort_by(.Node.Node, .Service.ID)
            | map(.Checks |= sort_by(.CheckID))")"
        echo "$service $(curl -sf "$url/v1/health/service/$service?passing" | jq -cS 'map([.Node.Node, .Service.ID]) | sort')"
    done
}
CATALOG='walk(if type == "object" then del(.CreateIndex, .ModifyIndex, .Datacenter, .Type, .Interval, .Timeout, .Proxy,
    .ServiceProxy, .Connect, .ServiceConnect, .PeerName) | if .Services then .Services |= del(.consul) else . end
    | with_entries(select(.value != null and .value != {})) else . end)'

# Takes all that Consul or rollcall at $1 has over to a new server; $2... are the nodes to compare.
take_over() {
    local from=$1 said
    shift
    beside ROLLCALL_NODE_NAME=taker
    said=$("$ROLLCALL" import --server "$http" --consul "$from" --dry-run)
    grep -q '^nothing is done; it would be: created [1-9][0-9]*, updated 0, .* refused 0$' <<<"$said" && pass || fail "a dry run" "$said"
    said=$("$ROLLCALL" import --server "$http" --consul "$from")
    grep -q '^created [1-9][0-9]*, updated 0, unchanged 0, kept 0, skipped 0, refused 0$' <<<"$said" && pass || fail "an import" "$said"
    same "the catalogs are equal" "$(catalog "$from" "$@")" "$(catalog "$http" "$@")"
    said=$("$ROLLCALL" import --server "$http" --consul "$from")
    grep -q '^created 0, updated 0, unchanged [1-9][0-9]*, kept 0, skipped 0, refused 0$' <<<"$said" && pass || fail "once more" "$said"
}

populate_consul() {
    curl -sf -X PUT "$1/v1/catalog/register" -d '{"Node":"n2","ID":"40e4a748-2192-161a-0510-9bf59fe950b5","Address":"10.0.2.1",
        "TaggedAddresses":{"lan":"10.0.2.1","wan":"192.0.2.7"},"NodeMeta":{"rack":"7"},
        "Service":{"ID":"web-2","Service":"web","Port":8080,"Tags":["Primary","v1"],"Meta":{"m":"x"},"Weights":{"Passing":9,"Warning":2},
        "TaggedAddresses":{"wan":{"Address":"192.0.2.8","Port":99}}},
        "Checks":[{"Node":"n2","CheckID":"up","Name":"is it up","Status":"warning","Output":"so so","ServiceID":"web-2","Notes":"n"},
        {"Node":"n2","CheckID":"node-up","Name":"node","Status":"passing"}]}' >/dev/null
    curl -sf -X PUT "$1/v1/catalog/register" -d '{"Node":"n3","Address":"10.0.2.3","Service":{"Service":"api","Port":1}}' >/dev/null
    curl -sf -X PUT "$1/v1/agent/service/register" -d '{"Name":"web","ID":"web-1","Address":"10.0.2.8","Port":80,"Tags":["v2"],
        "Check":{"TTL":"1h","Status":"passing","Name":"beats"}}'
    curl -sf -X PUT "$1/v1/agent/service/register" -d '{"Name":"db","Port":5432,"Check":{"TTL":"1h","Status":"critical"}}'
}

part_consul() {
    local rpc serf
    "$(dirname "$0")/consul/real-consul.sh" >"$work/real-consul" 2>&1 || { skip "there is no Consul: $(tail -n 1 "$work/real-consul")" && return; }
    free_port && from_port=$port
    free_port && rpc=$port
    free_port && serf=$port
    spawn consul "$(sed -n 's/^consul=//p' "$work/real-consul")" agent -dev -node node-1 -bind 127.0.0.1 -http-port "$from_port" \
        -dns-port -1 -grpc-port -1 -grpc-tls-port -1 -server-port "$rpc" -serf-lan-port "$serf" -serf-wan-port -1
    for _ in $(seq 1 300); do
        curl -s "http://127.0.0.1:$from_port/v1/health/service/consul" | grep -q serfHealth && break || sleep 0.1
    done
    populate_consul "http://127.0.0.1:$from_port"
    sleep 1
    take_over "http://127.0.0.1:$from_port" node-1 n2 n3
}

part_rollcall() {
    local from
    beside ROLLCALL_NODE_NAME=node-1
    from=$http
    populate_consul "$from"
    take_over "$from" node-1 n2 n3
}

# The most memory that the process $1 has had, in kB.
peak() {
    awk '/VmHWM/ {print $2}' "/proc/$1/status"
}

part_many() {
    local number=${HOSTS:-100000} from took=$SECONDS before
    python3 "$here/many.py" "$number" >"$work/many.jsonl"
    beside
    from=$http
    same "$number hosts come in" "created $number, updated 0, unchanged 0, kept 0, skipped 0, refused 0" \
        "$("$ROLLCALL" import --server "$from" "$work/many.jsonl")"
    echo "import of $number hosts: $((SECONDS - took)) s; server $(peak "$server") kB"
    took=$SECONDS before=$(peak "$server")
    digest "$from"
    echo "digest: $((SECONDS - took)) s; server $(peak "$server") kB, $(($(peak "$server") - before)) more"
    took=$SECONDS before=$(peak "$server")
    /usr/bin/env python3 "$here/measured.py" "$ROLLCALL" export --server "$from" "$work/out.jsonl" | sed 's/^/export: /'
    echo "export: $((SECONDS - took)) s; server $(peak "$server") kB, $(($(peak "$server") - before)) more"
    /usr/bin/env python3 "$here/measured.py" "$ROLLCALL" import --dry-run --server "$from" "$work/out.jsonl" | sed 's/^/import: /'
    same "as many lines come out" $((number + 1)) "$(wc -l <"$work/out.jsonl")"
}

[ $# -gt 0 ] || set -- export lyft consul rollcall many
for part in "$@"; do
    "part_$part"
done
conclude
