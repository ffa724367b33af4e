#!/usr/bin/env bash
# Services of minos, unmodified, on machines of their own, which the framework's connector and client subscribe, and its API
# gateway before them. What docs/minos.md promises is tried with them.
#
# Exit codes: 0 all as it should be, 1 something is not, 77 nothing was tried.
set -euo pipefail
source "$(dirname "$0")/clients.sh"
parts=$root/tests/clients/minos
need python3 curl jq dig ip unshare nsenter
# shellcheck disable=SC2046
make_venv minos --no-deps $(sed '/^#/d' "$parts/requirements.txt")
"$python" -c 'import minos.networks, minos.plugins.minos_discovery, minos.plugins.aiohttp, minos.api_gateway.rest' >"$work/import" 2>&1 ||
    { tail -n 1 "$work/import" && give_up "the framework cannot be imported"; }
enter_namespace "$@"
http_listen=192.168.7.254:8500 dns_listen=192.168.7.254:53
# Two of them, and a little for the request and a busy machine.
check_interval=1 patience=3

# ---- machines ----

# A machine with a name and an address of its own: host-$1, 192.168.7.$1.
make_machine() {
    local pid
    spawn "machine-$1" unshare --net --uts sleep infinity
    pid=$! machines[$1]=$!
    for _ in $(seq 1 100); do
        [ "$(readlink "/proc/$pid/ns/uts")" != "$(readlink /proc/self/ns/uts)" ] && break
        sleep 0.05
    done
    ip link add "to-$1" type veth peer name eth0 netns "$pid" 2>"$work/veth" ||
        { cat "$work/veth" && give_up "the kernel has no virtual networks"; }
    ip address add 192.168.7.254/32 dev "to-$1"
    ip link set "to-$1" up
    ip route add "192.168.7.$1/32" dev "to-$1" src 192.168.7.254
    on "$1" sh -c "hostname host-$1 && ip link set lo up && ip link set eth0 up && ip address add 192.168.7.$1/24 dev eth0"
}

# Runs a command on machine $1.
on() {
    local pid=${machines[$1]}
    shift
    nsenter --target "$pid" --net --uts "$@"
}

# Starts the service of a configuration on machine $2, with more variables; `services` has its process.
serve() {
    local name=$1-$2
    spawn "$name" nsenter --target "${machines[$2]}" --net --uts env MINOS_DISCOVERY_HOST=192.168.7.254 \
        MINOS_DISCOVERY_PORT=8500 HEALTH_FILE="$work/health" "${@:3}" "$python" "$parts/services.py" "$parts/$1.yml"
    services[$name]=$!
}

# Ends a service as who stops a container does, and waits for it.
end_service() {
    kill -TERM "${services[$1]}"
    end_of "${services[$1]}"
}

# ---- what is found ----

# Sorted records of a name. $1 name, $2 type.
look_up() {
    dig @192.168.7.254 +short +tries=1 +time=3 "$1" "$2" | sort | paste -sd' '
}

# The rows of a service in each API, as the addresses of those that are well.
native() {
    curl -s "$http/v1/hosts/$1?passing=true" | jq -r '.hosts[].addresses[]' | sort | paste -sd' '
}

lyft() {
    curl -s "$http/v1/registration/$1" | jq -r '.hosts[].ip_address' | sort | paste -sd' '
}

consul() {
    curl -s "$http/v1/health/service/$1?passing=1" | jq -r '.[].Service.Address' | sort | paste -sd' '
}

listed() {
    curl -s "$http/endpoints" | jq -r --arg name "$1" '.[] | select(.name == $name and .status) | .address' | sort | paste -sd' '
}

# What $1 requests to the gateway gave: the hosts that answered, or the statuses that are none of success, each once.
reached() {
    local times=$1 _
    shift
    for _ in $(seq 1 "$times"); do
        curl -s --max-time 5 -w ' %{http_code}\n' "$@"
    done | sed -E 's/.*"host":"([^"]*)".* 200$/\1/; s/^.* ([0-9]{3})$/\1/' | sort -u | paste -sd' '
}

gateway=http://127.0.0.1:5566
declare -A machines services
printf '127.0.0.1 localhost\n192.168.7.1 host-1\n192.168.7.2 host-2\n192.168.7.3 host-3\n' | replace_file /etc/hosts
for number in 1 2 3; do
    make_machine $number
done

# ---- a service of two hosts ----

serve order 1
# Its client tries until there is a server.
eventually "minos: a service that is first tries again" 20 yes \
    sh -c "grep -q 'An exception was raised' $work/order-1.log && echo yes"
start_server ROLLCALL_MINOS_CHECK_INTERVAL=${check_interval}s ROLLCALL_RECORD_TTL=0s ROLLCALL_NEGATIVE_TTL=0s
eventually "minos: a service that was first is found" 10 192.168.7.1 look_up order.service.local A
serve order 2
both="192.168.7.1 192.168.7.2"
eventually "minos: both hosts are in DNS" 10 "$both" look_up order.service.local A
same "minos: capitals are none in DNS" "$both" "$(look_up Order.Service.Local A)"
same "minos: both hosts are in DNS with their port" \
    "0 1 8080 c0a80701.addr.service.local. 0 1 8080 c0a80702.addr.service.local." "$(look_up order.service.local SRV)"
for api in native lyft consul listed; do
    same "minos: both hosts are in the view of $api" "$both" "$($api Order)"
done

# ---- the gateway ----

spawn gateway env API_GATEWAY_DISCOVERY_HOST=192.168.7.254 API_GATEWAY_DISCOVERY_PORT=8500 "$python" "$parts/gateway.py" \
    "$parts/gateway.yml" "$work/rules.sqlite"
eventually "minos: the gateway reaches both hosts" 20 "host-1 host-2" reached 10 $gateway/orders/17
same "minos: the gateway passes a command on" '{"n":1}' "$(curl -s -H 'Content-Type: application/json' \
    --data '{"n":1}' $gateway/orders | jq -c .content)"
same "minos: the gateway passes the path on" 17 "$(curl -s $gateway/orders/17 | jq -r .uuid)"
same "minos: the gateway knows no other path" 404 "$(reached 1 $gateway/invoices)"
same "minos: the gateway knows no other verb" 404 "$(reached 1 -X PUT $gateway/orders)"
same "minos: the gateway shows what there is" \
    "endpoint:GET:/orders/{uuid} endpoint:GET:/system/health endpoint:POST:/orders" \
    "$(curl -s $gateway/admin/endpoints | jq -r '.[].endpoints[]' | sort -u | paste -sd' ')"
# A third host, that does not subscribe: its discovery is nowhere.
serve order 3 MINOS_DISCOVERY_PORT=1
eventually "minos: a third host answers" 10 200 curl -s -o /dev/null -w '%{http_code}' http://192.168.7.3:8080/system/health
register order third '{"address":"192.168.7.3","port":8080}'
same "minos: a host of another API serves the endpoints of its name" "host-1 host-2 host-3" \
    "$(reached 15 $gateway/orders/17)"
deregister order third
same "minos: it does so no longer" "host-1 host-2" "$(reached 10 $gateway/orders/17)"

# ---- hosts that fail, and leave ----

kill -KILL "${services[order-2]}"
# Bash would say so.
wait "${services[order-2]}" 2>/dev/null || true
eventually "minos: a killed host leaves DNS" $patience 192.168.7.1 look_up order.service.local A
same "minos: a killed host leaves the gateway" host-1 "$(reached 10 $gateway/orders/17)"
for api in native lyft consul listed; do
    same "minos: a killed host leaves the view of $api" 192.168.7.1 "$($api Order)"
done
same "minos: a killed host stays registered" "192.168.7.1 passing 192.168.7.2 critical" \
    "$(curl -s "$http/v1/hosts/Order" | jq -r '.hosts[] | "\(.addresses[0]) \(.status)"' | sort | paste -sd' ')"
serve order 2
eventually "minos: a host that was killed is found again" 10 "$both" look_up order.service.local A
kill -STOP "${services[order-2]}"
eventually "minos: a host that hangs leaves DNS" $patience 192.168.7.1 look_up order.service.local A
same "minos: a host that hangs leaves the gateway" host-1 "$(reached 10 $gateway/orders/17)"
kill -CONT "${services[order-2]}"
eventually "minos: it comes back by itself" $patience "$both" look_up order.service.local A
end_service order-2
same "minos: a host that ends leaves alone" 192.168.7.1 "$(look_up order.service.local A)"
same "minos: a host that ended leaves the gateway" host-1 "$(reached 10 $gateway/orders/17)"
end_service order-1
same "minos: the last host leaves" "" "$(look_up order.service.local A)"
same "minos: nothing is registered" "[]" "$(curl -s "$http/endpoints")"
same "minos: the gateway knows the endpoint no longer" 404 "$(reached 1 $gateway/orders/17)"

# As the client does that the framework's documentation has for Consul: its tags are the paths.
call -X PUT "$http/v1/agent/service/register" --data '{"ID":"third","Name":"parts","Address":"192.168.7.3","Port":8080,
    "Tags":["/orders/{id}"]}'
same "minos: paths that are tags are endpoints" host-3 "$(reached 2 $gateway/orders/17)"
call -X PUT "$http/v1/agent/service/deregister/third"

# ---- a service that says how it is ----

# What the host says of itself, as the native API and the command line show it.
said() {
    local text
    text=$(curl -s "$http/v1/hosts/Payment" | jq -r '.hosts[].checks[] | select(.id == "health") | "\(.status) \(.output)"')
    grep -o "^[a-z]* \|{.*}" <<<"$text" | paste -sd' '
}

# $1 what it says, $2 how that counts, $3 the addresses in DNS, $4 what the gateway gives for its endpoint.
says() {
    echo "$1" >"$work/health"
    eventually "minos: a service says $1" $patience \
        "$2  {\"status\":\"$1\",\"dependencies\":{\"database\":{\"status\":\"$1\"}}}" said
    same "minos: a service that says $1 in DNS" "$3" "$(look_up payment.service.local A)"
    same "minos: a service that says $1 in the gateway" "$4" "$(reached 1 $gateway/health)"
}

echo healthy >"$work/health"
# What comes from the environment is text, the port too.
serve payment 3 MINOS_INTERFACES_HTTP_CONNECTOR_PORT=8082
eventually "minos: a service with a check of its own is found" 10 "0 1 8082 c0a80703.addr.service.local." \
    look_up payment.service.local SRV
for _ in 1 2; do
    says healthy passing 192.168.7.3 200
    says degraded passing 192.168.7.3 200
    says unhealthy critical "" 502
done
why=$("$ROLLCALL" answer payment.service.local A --server "$http" 2>&1 || true)
grep -q '^; .* not: critical: .*"status":"unhealthy"' <<<"$why" && pass || fail "minos: why the service is not in DNS" "$why"
says healthy passing 192.168.7.3 200
end_service payment-3
same "minos: a service with a check of its own leaves" "" "$(look_up payment.service.local A)"

# ---- what services do by hand ----

count_lines < <(on 3 "$python" "$parts/flows.py" 192.168.7.254 8500 192.168.7.3 host-3 $check_interval 2>"$work/flows.log")
conclude
