# shellcheck shell=bash
# How scripts get the clients that they need, on top of consumers/common.sh. To be sourced. What is fetched and built is
# kept in ROLLCALL_CACHE.

source "$(dirname "${BASH_SOURCE[0]}")/consumers/common.sh"
cache=${ROLLCALL_CACHE:-$HOME/.cache/rollcall-tests}
mkdir -p "$cache"

# Sets `python` to the interpreter of an environment that is kept, with these packages. $1 names the environment.
make_venv() {
    local name=$1 maker
    shift
    python=$cache/venv-$name/bin/python
    [ "$(cat "$cache/venv-$name/packages" 2>/dev/null || true)" = "$*" ] && "$python" --version >/dev/null 2>&1 && return
    rm -rf "$cache/venv-$name"
    for maker in python3 /usr/bin/python3; do
        "$maker" -m venv "$cache/venv-$name" >"$work/pip" 2>&1 && break
        rm -rf "$cache/venv-$name"
    done
    [ -x "$python" ] || { cat "$work/pip" && give_up "python3 has no venv"; }
    "$python" -m pip install --quiet --disable-pip-version-check "$@" >"$work/pip" 2>&1 ||
        { tail -n 5 "$work/pip" && give_up "$* cannot be installed"; }
    echo "$*" >"$cache/venv-$name/packages"
}

# Installs Debian's package of a command that is not there; as root only.
install_for() {
    local command=$1 package=$2 policy=/usr/sbin/policy-rc.d
    command -v "$command" >/dev/null && return
    [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null || give_up "$command is missing"
    # None of the daemons in it is started.
    if [ -e $policy ]; then policy=; else printf '#!/bin/sh\nexit 101\n' >$policy && chmod +x $policy; fi
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$package"; } \
        >"$work/apt" 2>&1 || true
    [ -z "$policy" ] || rm -f "$policy"
    command -v "$command" >/dev/null || { tail -n 5 "$work/apt" && give_up "$package cannot be installed"; }
}

# Go builds one package at a time, so that they leave room for others on the machine.
go_build() {
    local verb=$1
    shift
    CGO_ENABLED=0 nice go "$verb" -p 1 "$@"
}

# Sets `consul_template` to that program, which is built where it is not yet.
find_consul_template() {
    local version=0.41.1
    consul_template=$cache/consul-template-$version/consul-template
    [ -x "$consul_template" ] && return
    need go
    (build_consul_template $version "${consul_template%/*}") >"$work/build" 2>&1 ||
        { tail -n 10 "$work/build" && give_up "consul-template $version cannot be built"; }
}

build_consul_template() {
    rm -rf "$2"
    mkdir -p "$2"
    cd "$2"
    printf 'module rollcall.test/template\n\ngo 1.24.4\n' >go.mod
    printf '//go:build tools\n\npackage template\n\nimport _ "github.com/hashicorp/consul-template"\n' >tools.go
    go get "github.com/hashicorp/consul-template@v$1" || return
    go_build build -o consul-template.new github.com/hashicorp/consul-template || return
    mv consul-template.new consul-template
}
