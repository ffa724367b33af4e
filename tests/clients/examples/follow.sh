#!/usr/bin/env bash
# Follows the page of an example, examples/NAME/README.md: types its commands in order, in a copy of the folder, and waits
# until each prints what stands there. The name is that by which this script is called: NAME.sh is a link to it.
set -euo pipefail
source "$(dirname "$0")/../clients.sh"
source "$(dirname "$0")/../programs.sh"
source "$(dirname "$0")/../page.sh"
name=$(basename "$0" .sh)
page=$root/examples/$name/README.md
# Records are kept for five seconds, and somebody looks again after that.
patience=30
bin=

give_up() {
    skip "$name: its page is not followed: $1"
    exit 77
}

# What must be there before the network is left: the programs. Debian's are installed, others are led to by `bin`.
get_programs() {
    need unshare ip curl dig python3
    case $name in
    # Started by root they change their user, for which a namespace of users has none.
    nginx | dnsmasq | prometheus | systemd-resolved) [ "$(id -u)" -eq 0 ] || give_up "that takes root" ;;
    esac
    case $name in
    haproxy | nginx | unbound) install_for "$name" "$name" ;;
    dnsmasq) install_for dnsmasq dnsmasq-base ;;
    prometheus)
        install_for dnsmasq dnsmasq-base
        install_for prometheus prometheus
        install_for jq jq
        ;;
    consul-template) find_consul_template && bin=$consul_template ;;
    coredns) find_coredns && bin=$program ;;
    envoy) find_envoy && bin=$program ;;
    systemd-resolved) find_systemd_resolved && install_for dbus-daemon dbus-daemon && bin=$program ;;
    *) give_up "nothing says how to get $name" ;;
    esac
}

# What a reader has who follows the page: the folder, `rollcall` and the program in the path, a machine.
set_up() {
    local programs=$work/bin
    mkdir "$programs" "$work/home"
    ln -s "$(realpath "$ROLLCALL")" "$programs/rollcall"
    [ -z "$ROLLCALL_BIN" ] || ln -s "$(realpath "$ROLLCALL_BIN")" "$programs/$(basename "$ROLLCALL_BIN")"
    PATH=$programs:$PATH
    cp -r "$root/examples" "$work/examples"
    cd "$work/examples/$name"
    export HOME=$work/home
    export -n ROLLCALL ROLLCALL_INSIDE ROLLCALL_CACHE ROLLCALL_BIN
    if [ "$(type -t "set_up_${name//-/_}")" = function ]; then
        "set_up_${name//-/_}"
    fi
}

# The machine's resolver is a dnsmasq that was set up as examples/dnsmasq says.
set_up_prometheus() {
    echo nameserver 127.0.0.1 | replace_file /etc/resolv.conf
    spawn dnsmasq dnsmasq --keep-in-foreground --conf-file=../dnsmasq/rollcall.conf --listen-address=127.0.0.1 \
        --bind-interfaces --no-resolv --no-hosts --pid-file= --log-facility=-
}

# A machine that has systemd-resolved, as Debian's package leaves it.
set_up_systemd_resolved() {
    source "$root/tests/clients/examples/resolved.sh"
    have_resolved "${ROLLCALL_BIN%/lib/systemd/*}"
}

# Whoever follows the page as root needs no sudo.
sudo() {
    "$@"
}

# What stays is started as the page says, and goes on; for what it prints there is a log.
prepare() {
    # Nothing is gained by waiting for what cannot come any more.
    [ "$failed" -eq 0 ] || patience=2
    case $1 in
    *' &')
        eval "${1% &} >>\"\$work/programs.log\" 2>&1 </dev/null &"
        children+=($!)
        ;;
    'sudo systemctl restart systemd-resolved') restart_resolved ;;
    *) return 1 ;;
    esac
}

if [ -z "${ROLLCALL_INSIDE:-}" ]; then
    get_programs
    export ROLLCALL_BIN=$bin
fi
enter_namespace "$@"
set_up
run_page "$page"
if [ "$failed" -gt 0 ]; then
    echo "what the programs said last:"
    tail -n 30 "$work/programs.log" | sed 's/^/    /'
fi
conclude
