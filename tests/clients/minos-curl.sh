#!/usr/bin/env bash
# Runs every command of docs/minos.md on a fresh server, in order, and compares what it prints with what stands there.
# Usage: tests/clients/minos-curl.sh (ROLLCALL names another program than the debug build).
set -euo pipefail
source "$(dirname "$0")/server.sh"
source "$(dirname "$0")/page.sh"
for needed in curl dig; do
    if ! command -v $needed >/dev/null; then
        skip "$needed is missing: the commands of docs/minos.md are not run"
        exit 0
    fi
done
# As docs/minos.md has them; functions, as aliases are for people.
call() {
    curl -s --max-time 30 -w "\n%{http_code}\n" "$@"
}

ask() {
    dig "@$dns_address" -p "$dns_port" +short "$@"
}

prepare() {
    case $1 in
    "alias "*) ;;
    "base="*) base=$http ;;
    *) return 1 ;;
    esac
}

start_server ROLLCALL_MINOS_CHECK=none
run_page "$root/docs/minos.md"
conclude
