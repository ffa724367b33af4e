#!/usr/bin/env bash
# Runs every command of docs/consul.md on a fresh server, in order, and compares what it prints with what stands there.
# Usage: tests/clients/consul-curl.sh (ROLLCALL names another program than the debug build).
set -euo pipefail
source "$(dirname "$0")/server.sh"
source "$(dirname "$0")/page.sh"
for needed in curl dig jq; do
    if ! command -v $needed >/dev/null; then
        skip "$needed is missing: the commands of docs/consul.md are not run"
        exit 0
    fi
done
# As docs/consul.md has them; functions, as aliases are for people.
call() {
    curl -s --max-time 90 -w "%{http_code}\n" "$@"
}

ask() {
    dig "@$dns_address" -p "$dns_port" +short "$@"
}

prepare() {
    case $1 in
    "alias "*) ;;
    "base="*) base=$http ;;
    [a-z]*"=\$("*) eval "$1" ;;
    *) return 1 ;;
    esac
}

start_server
run_page "$root/docs/consul.md"
conclude
