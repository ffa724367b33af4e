# shellcheck shell=bash
# A daemon of Docker for ../docker.sh, where none is: Debian's, in namespaces of network, mounts and processes. Nothing of
# the machine's network is changed: containers get out through slirp4netns, a process. Images stay in ROLLCALL_CACHE. To be
# sourced.
data=$cache/docker

# The programs of a daemon; gives up where it cannot run.
get_daemon() {
    need unshare nsenter ip flock
    [ "$(id -u)" -eq 0 ] || give_up "there is no daemon of Docker, and to start one takes root"
    [ -e /dev/net/tun ] || give_up "there is no daemon of Docker, and no /dev/net/tun for the network of one"
    install_for dockerd docker.io
    install_for iptables iptables
    install_for slirp4netns slirp4netns
    unshare --net --mount --pid --fork true 2>/dev/null || give_up "unshare is not permitted"
}

# Starts the script again inside, and ends as it ends. The first process there takes all others with it.
on_a_machine_of_its_own() {
    local status=0 inside
    exec 7</proc/self/ns/net
    # What it keeps for itself goes with `work`, after its mounts are gone.
    TMPDIR=$work ROLLCALL_INSIDE=yes ROLLCALL_COMPOSE=$compose ROLLCALL_CACHE=$cache \
        unshare --net --mount --pid --fork --kill-child --mount-proc "$0" </dev/null &
    inside=$!
    children+=($inside)
    wait $inside || status=$?
    children=()
    exit $status
}

start_daemon() {
    local id=${TMPDIR##*.}
    export DOCKER_CONFIG=$work/config DOCKER_HOST=unix://$work/docker.sock
    mkdir -p "$work/bin" "$data"
    # Debian's, which can build without the plugin that newer ones want for it.
    [ ! -x /usr/bin/docker ] || ln -s /usr/bin/docker "$work/bin/docker"
    PATH=$work/bin:$PATH
    exec 6>"$data.lock"
    flock --timeout 900 6 || give_up "another run has the images in $data"
    # The first process of a namespace gets no signals but those that it waits for.
    trap 'exit 1' INT TERM
    ip link set lo up
    spawn slirp4netns nsenter --net=/proc/self/fd/7 \
        slirp4netns --configure --mtu=1500 --disable-host-loopback $$ tap0
    wait_for 10 grep -q '^tap0.00000000' /proc/net/route || give_up_on slirp4netns
    spawn dockerd dockerd --host "$DOCKER_HOST" --data-root "$data" --exec-root "$work/exec" \
        --pidfile "$work/docker.pid" --dns 10.0.2.3 --cgroup-parent "/rollcall-$id"
    dockerd=$!
    wait_for 60 docker version || give_up_on dockerd
}

# The groups that the daemon's containers were in; they can be removed when all of it has ended.
remove_groups() {
    find /sys/fs/cgroup -depth -type d -path "*/rollcall-${work##*.}*" -exec rmdir {} + 2>/dev/null
}

# $1 seconds; then a command that is to succeed within them, while what was started last runs.
wait_for() {
    local start=$SECONDS seconds=$1 program=$!
    shift
    until timeout 10 "$@" >/dev/null 2>&1; do
        [ $((SECONDS - start)) -lt "$seconds" ] && kill -0 "$program" 2>/dev/null || return 1
        sleep 0.2
    done
}

give_up_on() {
    tail -n 2 "$work/$1.log"
    give_up "$1 does not run here"
}

# Leaves the images that are made here, and 2 GB of what builds have in common.
stop_daemon() {
    local kept list="timeout 60 docker image ls --quiet --no-trunc"
    [ -n "${dockerd:-}" ] && kill -0 "$dockerd" 2>/dev/null || return 0
    kept=$($list rust:1-bookworm; $list debian:bookworm-slim)
    {
        timeout 60 docker container ls --all --quiet | xargs -r timeout 60 docker container rm --force
        timeout 60 docker network prune --force
        timeout 60 docker volume ls --quiet | xargs -r timeout 60 docker volume rm --force
        $list --all | grep -vF "$kept" | sort -u | xargs -r timeout 60 docker image rm --force
        timeout 120 docker builder prune --force --keep-storage 2GB
    } >"$work/prune.log" 2>&1
    kill "$dockerd" 2>/dev/null || true
    for _ in $(seq 1 150); do
        kill -0 "$dockerd" 2>/dev/null || break
        sleep 0.1
    done
    dockerd=
}
