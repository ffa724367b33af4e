#!/usr/bin/env bash
# A real Consul, to compare with. CONSUL names one that is there; else it is built of its Go module, once. 1.14.11 is the
# last version whose license is an open one (MPL-2.0) in all its parts. Prints `consul=` and its path.
set -euo pipefail
source "$(dirname "$0")/common.sh"
version=1.14.11
directory=$cache/consul-$version

# Its go.mod replaces modules by folders beside it, which counts only in a build of its own repository; from outside it
# takes them as they were published.
write_module() {
    rm -rf "$directory"
    mkdir -p "$directory"
    cat >"$directory/go.mod" <<CONF
module rollcall.test/consul

go 1.20

require (
	github.com/hashicorp/consul v$version
	github.com/hashicorp/consul/api v1.18.1
	github.com/hashicorp/consul/proto-public v0.2.1
	github.com/hashicorp/consul/sdk v0.13.0
)

replace launchpad.net/gocheck => github.com/go-check/check v0.0.0-20140225173054-eb6ee6f84d0a
CONF
    # Without a file that imports it, nothing of it would be required.
    printf '//go:build tools\n\npackage consul\n\nimport _ "github.com/hashicorp/consul"\n' >"$directory/tools.go"
}

build() {
    local start=$SECONDS
    need go
    write_module
    cd "$directory"
    go get "github.com/hashicorp/consul@v$version" >"$work/build" 2>&1 &&
        go_build build -o consul.new github.com/hashicorp/consul >>"$work/build" 2>&1 ||
        { grep -v ': downloading ' "$work/build" | tail -n 10 && give_up "Consul $version cannot be built"; }
    mv consul.new consul
    cd - >/dev/null
    echo "$((SECONDS - start))" >"$directory/seconds"
}

if [ -n "${CONSUL:-}" ]; then
    consul=$CONSUL
else
    consul=$directory/consul
    [ -x "$consul" ] || build
fi
"$consul" version | sed -n 1p
[ -n "${CONSUL:-}" ] || echo "it took $(cat "$directory/seconds") s to build"
echo "consul=$consul"
