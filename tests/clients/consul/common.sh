# shellcheck shell=bash
# What the scripts beside this file share, on top of ../clients.sh. To be sourced, by a script that works alone
# as well as called by ../consul.sh.
#
# Exit codes: 0 all as it should be, 1 something is not, 77 nothing was tried, as the client cannot run here.

source "$(dirname "${BASH_SOURCE[0]}")/../clients.sh"
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
node_id=6f3a2c51-0b7d-4f18-9d6e-2f1b8a94c0de

# Starts what is tested; sets `http` (a URL), `http_port`, `dns_address` and `dns_port`.
start() {
    case ${AGAINST:-rollcall} in
    rollcall) start_rollcall "$@" ;;
    consul) start_consul ;;
    *) give_up "AGAINST is rollcall or consul" ;;
    esac
}

start_rollcall() {
    start_server ROLLCALL_NODE_NAME=node-1 ROLLCALL_NODE_ID=$node_id "$@"
    http_port=${http##*:}
}

# Sets `consul` to a real Consul.
find_consul() {
    local status=0
    "$here/real-consul.sh" >"$work/real-consul" 2>&1 || status=$?
    [ $status -eq 0 ] || { cat "$work/real-consul" && give_up "there is no Consul"; }
    consul=$(sed -n 's/^consul=//p' "$work/real-consul")
}

# A Consul of one server, with nothing that needs another port. Its process is `server`, as rollcall's is. Without a higher
# `udp_answer_limit` it would draw three answers by lot.
start_consul() {
    local rpc serf
    find_consul
    free_port && http_port=$port
    free_port && dns_port=$port
    free_port && rpc=$port
    free_port && serf=$port
    # Files of its own: a server that is started beside it begins the log of servers anew.
    local data=$work/consul-$http_port log=$work/consul-$http_port.log
    cat >"$work/consul.json" <<CONF
{
    "node_name": "node-1", "node_id": "$node_id", "datacenter": "dc1", "server": true, "bootstrap": true,
    "bind_addr": "127.0.0.1", "data_dir": "$data", "enable_script_checks": true,
    "ports": {"http": $http_port, "dns": $dns_port, "server": $rpc, "serf_lan": $serf, "serf_wan": -1, "grpc": -1,
        "grpc_tls": -1},
    "performance": {"raft_multiplier": 1}, "connect": {"enabled": false}, "disable_update_check": true,
    "dns_config": {"udp_answer_limit": 100}
}
CONF
    "$consul" agent -config-file "$work/consul.json" >"$log" 2>&1 </dev/null &
    server=$!
    http=http://127.0.0.1:$http_port dns_address=127.0.0.1
    for _ in $(seq 1 300); do
        consul_is_ready && return
        kill -0 $server 2>/dev/null || break
        sleep 0.1
    done
    echo "Consul did not start:"
    tail -n 30 "$log"
    exit 1
}

# It has elected itself, and its own node is in its catalog as its agent knows it.
consul_is_ready() {
    curl -s --max-time 5 "$http/v1/health/service/consul" 2>/dev/null | grep '"CheckID":"serfHealth"' | grep -q '"lan_ipv4"'
}
