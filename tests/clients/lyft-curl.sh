#!/usr/bin/env bash
# Runs every command of docs/lyft.md on a fresh server, in order, and compares what it prints with what stands there.
# Only times may differ. Usage: tests/clients/lyft-curl.sh (ROLLCALL names another program than the debug build).
set -euo pipefail
source "$(dirname "$0")/server.sh"
if ! command -v curl >/dev/null; then
    skip "curl is missing: the commands of docs/lyft.md are not run"
    exit 0
fi
# As docs/lyft.md has it; a function, as an alias is for people.
call() {
    curl -s --max-time 30 -w "%{http_code}\n" "$@"
}

without_times() {
    sed -E 's/"last_check_in":"[0-9-]{10} [0-9:]{8}(\.[0-9]{6})?\+00:00"/"last_check_in":"TIME"/g'
}

# Runs the command read last and compares.
compare() {
    local found
    [ -n "$command" ] || return 0
    case $command in
    "alias call="*) ;;
    "base="*) base=$http ;;
    "tags="*) eval "$command" ;;
    *)
        found=$(eval "$command" 2>&1 | without_times) || true
        expected=$(without_times <<<"$expected")
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
done <"$root/docs/lyft.md"
conclude
