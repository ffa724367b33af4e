#!/usr/bin/env bash
# CoreDNS with the plugins of the bench and no other, built of its Go module once and kept in ROLLCALL_CACHE. COREDNS
# names one that is there. Prints `coredns=` and its path.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
version=1.14.7
directory=${ROLLCALL_CACHE:-$HOME/.cache/rollcall-tests}/coredns-file-$version

build() {
    command -v go >/dev/null || { echo "CoreDNS is built with go, which is missing" >&2; exit 1; }
    rm -rf "$directory"
    mkdir -p "$directory"
    cp "$here/coredns.go" "$directory/main.go"
    printf 'module rollcall.test/coredns\n\ngo 1.24\n' >"$directory/go.mod"
    cd "$directory"
    if ! { go get "github.com/coredns/coredns@v$version" && go mod tidy &&
        CGO_ENABLED=0 nice go build -p 1 -o coredns.new .; } >build.log 2>&1; then
        tail -n 5 build.log >&2
        echo "CoreDNS $version cannot be built" >&2
        exit 1
    fi
    mv coredns.new coredns
}

coredns=${COREDNS:-$directory/coredns}
[ -x "$coredns" ] || build
echo "coredns=$coredns"
