#!/usr/bin/env bash
# The Go client's own tests (the module that Consul's tools, Prometheus and Traefik use): each starts whatever `consul`
# is on the path. Here that is shim.py, which starts rollcall. Which of them are run, and why others are not, is in
# go-client.txt.
set -euo pipefail
source "$(dirname "$0")/common.sh"
version=1.34.5
directory=$cache/go-client-$version

# Its tests start a Consul with Connect and wait until that has made certificates; nothing that is tested here needs it,
# so their copy of the starter says `"enabled": false`. The tests are as they were published.
build() {
    local sdk
    rm -rf "$directory"
    mkdir -p "$directory"
    cd "$directory"
    printf 'module rollcall.test/client\n\ngo 1.26.7\n' >go.mod
    printf '//go:build tools\n\npackage client\n\nimport _ "github.com/hashicorp/consul/api"\n' >tools.go
    go get -t "github.com/hashicorp/consul/api@v$version" || return
    sdk=$(go list -m -f '{{.Dir}}' github.com/hashicorp/consul/sdk)
    cp -r "$sdk" sdk
    chmod -R u+w sdk
    sed -i 's/"enabled": true,/"enabled": false,/' sdk/testutil/server.go
    go mod edit -replace github.com/hashicorp/consul/sdk=./sdk
    go_build test -c -vet=off -o api.new github.com/hashicorp/consul/api || return
    cat "$(go list -m -f '{{.Dir}}' github.com/hashicorp/consul/api)"/{agent,catalog,health,status}_test.go |
        sed -n 's/^func \(Test[A-Za-z0-9_]*\)(t .*/\1/p' >names
    mv api.new api.test
}

# The names of the tests that are run.
chosen() {
    case ${AGAINST:-rollcall} in
    rollcall) sed -nE 's/^(run|newer) //p' "$here/go-client.txt" ;;
    *) sed -n 's/^run //p' "$here/go-client.txt" ;;
    esac
}

# Puts a `consul` on the path.
choose_consul() {
    mkdir "$work/bin"
    case ${AGAINST:-rollcall} in
    rollcall)
        need python3
        cp "$here/shim.py" "$work/bin/consul"
        ROLLCALL=$(realpath "$ROLLCALL")
        export ROLLCALL
        ;;
    *) ln -s "$consul" "$work/bin/consul" ;;
    esac
    PATH=$work/bin:$PATH
}

# Runs what has no result yet, again and again: a test that panics takes those with it that run beside it. A test waits
# two seconds for its server, so that many can run at once.
run_tests() {
    local left
    : >"$work/tests"
    for _ in 1 2 3 4 5; do
        left=$(chosen | grep -vxFf <(sed -nE 's/^--- [A-Z]+: ([A-Za-z0-9_]+) .*/\1/p' "$work/tests") | paste -sd'|' || true)
        [ -n "$left" ] || break
        (cd "$directory" && TMPDIR=$work/tmp SHIM_PIDS=$work/pids ./api.test -test.v -test.parallel 8 -test.timeout 5m -test.run "^($left)\$") \
            >>"$work/tests" 2>&1 || true
    done
    # Those of tests that panicked are still there.
    touch "$work/pids"
    mapfile -t children <"$work/pids"
}

# What a test said, without what its server did: the tests run side by side, and each line belongs to the last name.
said_by() {
    awk -v name="$1" '/^=== / { now = $3; next } /^--- / { now = $3; sub(":", "", now); next } now == name' "$work/tests" |
        grep -E $'^ +[a-z_]+\\.go:[0-9]+: |^ *\t' | grep -vE 'CONFIG JSON|test cmd args|Error Trace' | head -n 12 | cut -c1-600
}

if [ ! -x "$directory/api.test" ]; then
    need go
    (build) >"$work/build" 2>&1 || { tail -n 10 "$work/build" && give_up "the Go client $version cannot be built"; }
fi
same "every test of the Go client has a line in go-client.txt" "$(sort "$directory/names")" \
    "$(sed -nE 's/^(run|newer|leave) ([A-Za-z0-9_]*).*/\2/p' "$here/go-client.txt" | sort)"
[ "${AGAINST:-rollcall}" = rollcall ] || find_consul
# Some of the tests want that nobody listens at port 8500.
enter_namespace "$@"
choose_consul
mkdir "$work/tmp"
run_tests
for name in $(chosen); do
    if grep -q -- "^--- PASS: $name " "$work/tests"; then
        pass
    else
        fail "$name" "$(said_by "$name")"
    fi
done
grep -c '^leave ' "$here/go-client.txt" | sed 's/$/ tests of the Go client are for what rollcall does not offer/'
conclude
