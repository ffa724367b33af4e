#!/usr/bin/env bash
# Prometheus' discovery by Consul (consul_sd_configs): Debian's Prometheus is built without it, so it is built into a small
# program, prometheus.go.
set -euo pipefail
source "$(dirname "$0")/common.sh"
version=0.316.0
directory=$cache/prometheus-$version

build() {
    mkdir -p "$directory"
    cd "$directory"
    printf 'module rollcall.test/prometheus\n\ngo 1.26.7\n' >go.mod
    cp "$here/prometheus.go" main.go
    go get "github.com/prometheus/prometheus/discovery/consul@v$version" go.yaml.in/yaml/v2 || return
    go_build build -o discover . || return
}

# What the discovery $1 found last of the service $2.
found() {
    grep "^$1 $2:" "$work/discover.log" | tail -n 1 | sed 's/^[^:]*: *//'
}

# $1 service, $2 number, then more of the registration.
register() {
    call -X PUT "$http/v1/agent/service/register" --data "{\"ID\": \"$1-$2\", \"Name\": \"$1\",
        \"Address\": \"10.0.0.$2\", \"Port\": 910$2, \"Check\": {\"TTL\": \"600s\", \"Status\": \"passing\"}${3:+, $3}}"
}

need curl
if [ ! -x "$directory/discover" ] || ! cmp -s "$here/prometheus.go" "$directory/main.go"; then
    need go
    (build) >"$work/build" 2>&1 || { tail -n 10 "$work/build" && give_up "Prometheus $version cannot be built"; }
fi
start
register web 1 '"Tags": ["v1"], "Meta": {"team": "blue"}'
register web 2 '"Tags": ["v1", "v2"]'
server_json="\"server\": \"127.0.0.1:$http_port\", \"refresh_interval\": \"1s\""
spawn discover "$directory/discover" "{$server_json}" \
    "{$server_json, \"services\": [\"web\"], \"tags\": [\"v2\"]}" \
    "{$server_json, \"allow_stale\": false, \"filter\": \"ServiceName == web\", \"health_filter\": \"Service.Meta.team == blue\"}" \
    "{$server_json, \"services\": [\"web\"], \"node_meta\": {\"rack\": \"none\"}}"
one="10.0.0.1:9101/,v1,/passing/blue/dc1" two="10.0.0.2:9102/,v1,v2,/passing//dc1"
eventually "prometheus finds every instance" 10 "$one $two" found 1 web
eventually "prometheus finds the server itself" 10 1 eval 'found 1 consul | grep -c 127.0.0.1'
eventually "prometheus finds instances by tag" 10 "$two" found 2 web
eventually "prometheus finds instances by filter" 10 "$one" found 3 web
call -X PUT "$http/v1/agent/check/fail/service:web-2"
eventually "prometheus sees that an instance failed" 5 "$one ${two/passing/critical}" found 1 web
register web 3 '"Tags": ["v2"]'
eventually "prometheus finds a new instance" 5 "${two/passing/critical} 10.0.0.3:9103/,v2,/passing//dc1" found 2 web
register db 1 ''
eventually "prometheus finds a new service" 5 "10.0.0.1:9101/,,/passing//dc1" found 1 db
call -X PUT "$http/v1/agent/service/deregister/web-2"
eventually "prometheus leaves an instance that was deregistered" 5 "$one 10.0.0.3:9103/,v2,/passing//dc1" found 1 web
call -X PUT "$http/v1/agent/service/deregister/db-1"
eventually "prometheus leaves a service" 5 "" found 1 db
same "prometheus finds nothing on a rack that is not there" "" "$(found 4 web)"
same "prometheus complains of nothing" "" "$(grep -iE 'error|warn|fail' "$work/discover.log" | grep -v '/critical/' || true)"
conclude
