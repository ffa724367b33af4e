# A server for the scripts beside this file, and their count of what passed. To be sourced.
#
# ROLLCALL is the program to test; the debug build when it is not set. It runs on free ports of this machine, with
# the memory store where nothing else is said, and ends with the script.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
ROLLCALL=${ROLLCALL:-$root/target/debug/rollcall}
work=$(mktemp -d)
server=
store=memory
http_listen=127.0.0.1:0
dns_listen=127.0.0.1:0
passed=0
failed=0

stop_server() {
    if [ -n "$server" ]; then
        kill "$server" 2>/dev/null || true
        wait "$server" 2>/dev/null || true
        server=
    fi
}

finish() {
    stop_server
    rm -rf "$work"
}
trap finish EXIT

# Starts a server with the variables given as NAME=VALUE, with the store and the addresses of the variables above; sets `http`
# (a URL), `dns_address` and `dns_port`. Its log goes to `log`, if that is set.
start_server() {
    local dns ready= log=${log:-$work/log}
    # What the one before said is not what this one says.
    : >"$log"
    env -i HOME="$work" "$@" "$ROLLCALL" serve --store "$store" --http "$http_listen" --dns "$dns_listen" \
        >"$work/out" 2>"$log" </dev/null &
    server=$!
    for _ in $(seq 1 300); do
        ready=$(grep -o ' ready http=[^ ]* dns="[^"]*"' "$log" || true)
        [ -n "$ready" ] && break
        kill -0 "$server" 2>/dev/null || break
        sleep 0.1
    done
    if [ -z "$ready" ]; then
        echo "the server did not start:"
        cat "$log"
        exit 1
    fi
    http=http://$(sed 's/.*http=\([^ ]*\).*/\1/' <<<"$ready")
    dns=$(sed 's/.*dns="\([^",]*\).*/\1/' <<<"$ready")
    dns_address=${dns%:*}
    dns_port=${dns##*:}
}

pass() {
    passed=$((passed + 1))
}

# Says what failed: a title, then the details.
fail() {
    failed=$((failed + 1))
    echo "FAILED: $1"
    shift
    printf '%s\n' "$@" | sed 's/^/    /'
}

# A tool that is not there takes its part of the test with it; nobody shall overlook that.
skip() {
    echo "SKIP SKIP SKIP: $1"
}

# The last line, and the exit code.
conclude() {
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
}
