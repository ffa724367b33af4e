#!/usr/bin/env bash
# Runs every command of docs/consul.md on a fresh server, in order, and compares what it prints with what stands there.
# Usage: tests/clients/consul-curl.sh (ROLLCALL names another program than the debug build).
set -euo pipefail
source "$(dirname "$0")/server.sh"
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

# Runs the command read last and compares.
compare() {
    local found
    [ -n "$command" ] || return 0
    case $command in
    "alias "*) ;;
    "base="*) base=$http ;;
    [a-z]*"=\$("*) eval "$command" ;;
    *)
        found=$(eval "$command" 2>&1) || true
        if [ "$found" = "$expected" ]; then
            pass
        else
            fail "$command" "expected:" "$expected" "found:" "$found"
        fi
        ;;
    esac
    command=
}

start_server
command= expected= inside=no
while IFS= read -r line; do
    case $inside:$line in
    'no:```console') inside=yes ;;
    'yes:```') compare && inside=no ;;
    'yes:$ '*) compare && command=${line#'$ '} && expected= ;;
    yes:*) expected+=${expected:+$'\n'}$line ;;
    esac
done <"$root/docs/consul.md"
conclude
