#!/usr/bin/env bash
# The programs that documentation has for Consul, as they are printed there: snippets.py says which. They take for granted
# that the server is at port 8500 of this machine, so they run with interfaces of their own.
set -euo pipefail
source "$(dirname "$0")/common.sh"
need python3 curl
make_venv snippets py-consul==1.8.0 aiohttp==3.13.2 dnspython==2.7.0
[ "${AGAINST:-rollcall}" = rollcall ] || find_consul
enter_namespace "$@"
case ${AGAINST:-rollcall} in
rollcall) command=$here/shim.py ROLLCALL=$(realpath "$ROLLCALL") && export ROLLCALL ;;
*) command=$consul ;;
esac
cat >"$work/consul.json" <<CONF
{
    "node_name": "node-1", "node_id": "$node_id", "server": true, "bootstrap": true, "bind_addr": "127.0.0.1",
    "data_dir": "$work/data", "ports": {"http": 8500, "dns": 8600, "grpc": -1, "grpc_tls": -1},
    "performance": {"raft_multiplier": 1}, "disable_update_check": true
}
CONF
spawn server "$command" agent -config-file "$work/consul.json"
http=http://127.0.0.1:8500
for _ in $(seq 1 100); do
    consul_is_ready && break
    sleep 0.1
done
consul_is_ready || { tail -n 10 "$work/server.log" && exit 1; }
count_lines < <("$python" "$here/snippets.py" 8500 8600 2>&1)
conclude
