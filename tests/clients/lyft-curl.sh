#!/usr/bin/env bash
# Runs every command of docs/lyft.md on a fresh server, in order, and compares what it prints with what stands there.
# Only times may differ. Usage: tests/clients/lyft-curl.sh (ROLLCALL names another program than the debug build).
set -euo pipefail
source "$(dirname "$0")/server.sh"
source "$(dirname "$0")/page.sh"
if ! command -v curl >/dev/null; then
    skip "curl is missing: the commands of docs/lyft.md are not run"
    exit 0
fi
# As docs/lyft.md has it; a function, as an alias is for people.
call() {
    curl -s --max-time 30 -w "%{http_code}\n" "$@"
}

steady() {
    sed -E 's/"last_check_in":"[0-9-]{10} [0-9:]{8}(\.[0-9]{6})?\+00:00"/"last_check_in":"TIME"/g'
}

prepare() {
    case $1 in
    "alias call="*) ;;
    "base="*) base=$http ;;
    "tags="*) eval "$1" ;;
    *) return 1 ;;
    esac
}

start_server
run_page "$root/docs/lyft.md"
conclude
