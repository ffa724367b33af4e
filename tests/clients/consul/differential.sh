#!/usr/bin/env bash
# Compares the answers of rollcall with those of a real Consul: the same requests, questions and waits for both, every
# difference with a reason from reasons.txt. With AGAINST=consul both are real Consuls, between which there must be none.
set -euo pipefail
source "$(dirname "$0")/common.sh"
need python3 curl
make_venv differential dnspython==2.7.0
[ -n "${CONSUL:-}" ] || [ -x "$cache/consul-1.14.11/consul" ] || command -v go >/dev/null || give_up "there is no Consul"
start_consul
consul_server=$server consul_ports="$http_port $dns_port"
children+=("$consul_server")
server=
start ROLLCALL_RECORD_TTL=0s ROLLCALL_NEGATIVE_TTL=0s
# shellcheck disable=SC2086
count_lines < <("$python" "$here/differential.py" $consul_ports "$http_port" "$dns_port" 2>&1)
conclude
