# shellcheck shell=bash
# A machine with systemd-resolved, inside the namespace of a script: Debian's program, with a bus of its own and
# /etc/resolv.conf as its package leaves it. To be sourced after ../clients.sh.

# $1 the directory in which the packages were unpacked.
have_resolved() {
    local unpacked=$1 directory
    resolved=$unpacked/lib/systemd/systemd-resolved
    # To resolved, a machine that has but a loopback has no network, and nobody to ask.
    ip link add network type veth peer name other || give_up "there is no veth"
    ip address add 192.0.2.1/24 dev network
    ip link set network up
    ip link set other up
    ln -sf "$unpacked/usr/bin/resolvectl" "$work/bin/resolvectl"
    libraries=$(dirname "$(find "$unpacked" -name 'libsystemd-shared*')")
    for directory in /run /etc/systemd /etc/dbus-1; do
        mkdir -p "$directory"
        mount -t tmpfs tmpfs "$directory"
    done
    mkdir -p /run/dbus /run/systemd/resolve /etc/dbus-1/system.d
    getent passwd systemd-resolve >/dev/null || {
        { cat /etc/passwd && echo "systemd-resolve:x:990:990::/:/usr/sbin/nologin"; } | replace_file /etc/passwd
        { cat /etc/group && echo "systemd-resolve:x:990:"; } | replace_file /etc/group
    }
    cp "$unpacked/usr/share/dbus-1/system.d/org.freedesktop.resolve1.conf" /etc/dbus-1/system.d/
    spawn dbus dbus-daemon --system --nofork --nopidfile --nosyslog
    echo nameserver 127.0.0.53 | replace_file /etc/resolv.conf
}

# What the page asks systemd for, which does not run here.
restart_resolved() {
    chown systemd-resolve: /run/systemd/resolve
    LD_LIBRARY_PATH=$libraries "$resolved" >>"$work/programs.log" 2>&1 </dev/null &
    children+=($!)
}
