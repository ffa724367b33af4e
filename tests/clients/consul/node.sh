#!/usr/bin/env bash
# The client `consul` for Node: the life of a service and watches, in flows.mjs.
set -euo pipefail
source "$(dirname "$0")/common.sh"
version=2.0.1
directory=$cache/node-consul-$version
need curl
install_for node nodejs
if [ ! -d "$directory/node_modules/consul" ]; then
    install_for npm npm
    mkdir -p "$directory"
    (cd "$directory" && npm install --no-save --no-audit --no-fund --ignore-scripts "consul@$version") >"$work/npm" 2>&1 ||
        { rm -rf "$directory" && tail -n 5 "$work/npm" && give_up "consul $version cannot be installed"; }
fi
start ROLLCALL_RECORD_TTL=0s ROLLCALL_NEGATIVE_TTL=0s
count_lines < <(MODULES=$directory node "$here/flows.mjs" "$http_port" "$dns_port" 2>&1)
conclude
