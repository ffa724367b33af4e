#!/usr/bin/env bash
# kubectl, that of Debian (1.20), and another one where there is one: tables, objects, selectors, watches, errors.
set -euo pipefail
source "$(dirname "$0")/common.sh"
need curl jq

# What kubectl prints, with the spaces between columns made one.
run() {
    "$kubectl" --request-timeout=10s "$@" 2>&1 | sed -E 's/ +/ /g; s/ $//'
}

# $1 title, $2 what must be printed, then the arguments.
prints() {
    local title=$1 expected=$2
    shift 2
    same "$version: $title" "$expected" "$(run "$@" || true)"
}

# The values of a path in what is printed as JSON, then the arguments.
json() {
    local path=$1
    shift
    "$kubectl" --request-timeout=10s "$@" -o json | jq -c "$path"
}

tables() {
    prints "endpoints" "NAME ENDPOINTS AGE
web 10.0.0.1:80,10.0.0.2:80,10.0.0.3:80 <unknown>" get endpoints web
    prints "services" "NAME TYPE CLUSTER-IP EXTERNAL-IP PORT(S) AGE
api ClusterIP None <none> 8080/TCP,9090/UDP <unknown>
web ClusterIP None <none> 80/TCP <unknown>" get services
    prints "wide" "NAME TYPE CLUSTER-IP EXTERNAL-IP PORT(S) AGE SELECTOR
web ClusterIP None <none> 80/TCP <unknown> <none>" get svc web -o wide
    prints "more than three addresses" "NAME ENDPOINTS AGE
many 10.2.0.1:80,10.2.0.2:80,10.2.0.3:80 + 2 more... <unknown>" get ep -n many
    prints "all namespaces" "NAMESPACE NAME ENDPOINTS AGE
default api [fd00::1]:8080,[fd00::1]:9090 <unknown>
many many 10.2.0.1:80,10.2.0.2:80,10.2.0.3:80 + 2 more... <unknown>
default web 10.0.0.1:80,10.0.0.2:80,10.0.0.3:80 <unknown>" get endpoints -A
    prints "namespaces" "NAME STATUS AGE
default Active <unknown>
many Active <unknown>" get ns
    same "$version: slices" "NAME ADDRESSTYPE PORTS ENDPOINTS AGE
api-ipv6-* IPv6 8080,9090 fd00::1 <unknown>
web-ipv4-* IPv4 80 * <unknown>" "$(run get endpointslices | sed -E 's/-[0-9a-f]{8} /-* /; s/10[0-9.,]*/*/')"
    same "$version: pods" "NAME READY STATUS RESTARTS AGE
web-a-* 1/1 Running 0 <unknown>
web-10.0.0.2-* 1/1 Running 0 <unknown>
web-3-* 1/1 Running 0 <unknown>" "$(run get pods -l app=web | sed -E 's/-[0-9a-f]{8} /-* /')"
    prints "a name alone" "service/web" get svc web -o name
    prints "a column of one's own" "NAME IP
web 10.0.0.1,10.0.0.2,10.0.0.3" get ep web -o custom-columns=NAME:.metadata.name,IP:.subsets[*].addresses[*].ip
}

objects() {
    same "$version: as JSON" '["10.0.0.1","10.0.0.2","10.0.0.3"]' \
        "$(json '[.subsets[].addresses[].ip]' get endpoints web)"
    same "$version: a list as JSON" '["api","web"]' "$(json '[.items[].metadata.name]' get services)"
    same "$version: as YAML" "kind: Service" "$(run get service web -o yaml | grep '^kind:')"
    same "$version: labels" '{"app":"web","instance_id":"i","revision":"r","tier":"front"}' \
        "$(json .metadata.labels get service web)"
    same "$version: zones" '["az-a","az-b"]' "$(json '[.items[].endpoints[].zone // empty] | sort' get endpointslices)"
    same "$version: pages" "$(run get pods -A)" "$(run get pods -A --chunk-size=2)"
    same "$version: described" "10.0.0.1:80,10.0.0.2:80,10.0.0.3:80" \
        "$(run describe service web | sed -n 's/^Endpoints: //p')"
}

selectors() {
    prints "equal" "service/web" get svc -l app=web,tier=front -o name
    prints "in a set" "service/web" get svc -l 'app in (web, nope), tier notin (back)' -o name
    prints "there or not" "service/api" get svc -l 'app,!tier' -o name
    prints "unequal" "service/api" get svc -l 'tier!=front' -o name
    prints "fields" "service/web" get svc -o name --field-selector 'metadata.name=web,metadata.namespace!=many'
    prints "none" "No resources found in default namespace." get svc -l app=nope
}

errors() {
    prints "no such service" 'Error from server (NotFound): services "nope" not found' get svc nope
    prints "no such kind" "error: the server doesn't have a resource type \"configmaps\"" get configmaps
    prints "a write" "Error from server (MethodNotAllowed): the server does not allow this method on the requested resource" \
        delete endpoints web
    same "$version: a bad selector" "found '=', expected: ',' or 'end of string'" \
        "$(run get svc -l a=b=c | sed 's/.*field selector "": //; s/.*(BadRequest): //')"
}

# How many wait for changes.
watchers() {
    curl -s --max-time 5 "$http/metrics" | sed -n 's/^rollcall_watchers //p'
}

# What a watch prints, one line of a table after the other.
watches() {
    local log=watch-$version expected before
    before=$(watchers)
    spawn "$log" "$kubectl" get endpoints live --watch
    spawn "$log-all" "$kubectl" get endpoints --watch-only
    expected="NAME ENDPOINTS AGE
live 10.3.0.1:80 <unknown>"
    eventually "$version: what there is" 10 "$expected" lines "$log"
    # The other one prints nothing before something changes.
    eventually "$version: both watch" 10 $((before + 2)) watchers
    register live b '{"address":"10.3.0.2","port":80}'
    expected+="
live 10.3.0.1:80,10.3.0.2:80 <unknown>"
    eventually "$version: a host comes" 10 "$expected" lines "$log"
    report live a critical
    expected+="
live 10.3.0.2:80 <unknown>"
    eventually "$version: a host is critical" 10 "$expected" lines "$log"
    deregister live b
    expected+="
live <none> <unknown>"
    eventually "$version: the last one that was not goes" 10 "$expected" lines "$log"
    eventually "$version: all services are watched too" 10 "$(tail -n +3 <<<"$expected")" \
        eval "lines $log-all | tail -n +2"
    deregister live a
    eventually "$version: a service goes" 10 "$expected
live <none> <unknown>" lines "$log"
}

lines() {
    sed -E 's/ +/ /g; s/ $//' "$work/$1.log"
}

find_kubectl
start_server
write_kubeconfig
register_through_all web
register api x '{"address":"fd00::1","ports":[{"name":"http","port":8080},{"name":"metrics","port":9090,"protocol":"udp"}]}'
for number in 1 2 3 4 5; do
    register many "$number" "{\"address\":\"10.2.0.$number\",\"port\":80,\"namespace\":\"many\"}"
done
debian=$kubectl
for kubectl in "$debian" $(command -v kubectl || true); do
    version=$("$kubectl" version --client -o json | jq -r .clientVersion.gitVersion)
    tables
    objects
    selectors
    errors
    register live a '{"address":"10.3.0.1","port":80}'
    watches
done
conclude
