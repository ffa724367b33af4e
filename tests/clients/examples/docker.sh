#!/usr/bin/env bash
# Follows examples/docker/README.md as written, with a real Docker and Compose. A daemon that answers is used, with the
# images of its registry; else Debian's is started here, on a machine of its own (namespaces), with images that are made
# here (docker/images.sh). Containers, networks, images of the page and the daemon are gone afterwards.
set -euo pipefail
source "$(dirname "$0")/../clients.sh"
source "$(dirname "$0")/../programs.sh"
source "$(dirname "$0")/../page.sh"
source "$(dirname "$0")/docker/daemon.sh"
source "$(dirname "$0")/docker/images.sh"
folder=$root/examples/docker
page=$folder/README.md
# Records are kept for five seconds, and somebody looks again after that.
patience=30
# Seconds for a command of Docker; most of it is for `cargo build --release`.
limit=1500

give_up() {
    skip "docker: its page is not followed: $1"
    exit 77
}

# What can be known without a daemon: both files are read as Docker and Compose read them.
check_files() {
    local stage
    "$compose" -f "$folder/compose.yaml" config >"$work/compose" 2>&1 ||
        fail "examples/docker/compose.yaml is not what Compose takes" "$(cat "$work/compose")"
    find_dockerfile
    "$program" <"$folder/Dockerfile" >"$work/stages" 2>&1 ||
        fail "examples/docker/Dockerfile is not what Docker takes" "$(cat "$work/stages")"
    for stage in $(sed -n 's/^ *target: //p' "$folder/compose.yaml"); do
        grep -qx "$stage" "$work/stages" || fail "examples/docker/Dockerfile has no stage $stage"
    done
    [ "$failed" -eq 0 ] || exit 1
}

# What a reader has: Docker with Compose, and nobody else's projects. BuildKit, the builder of Docker since 23, has to be
# asked for in Debian's.
set_up() {
    mkdir -p "$DOCKER_CONFIG/cli-plugins"
    ln -s "$compose" "$DOCKER_CONFIG/cli-plugins/docker-compose"
    export DOCKER_BUILDKIT=1
    cd "$folder"
}

# What Docker says while it works is not on the page, but that it ends well is.
prepare() {
    [ "$failed" -eq 0 ] || patience=2
    case $1 in
    'cd '*) eval "$1" ;;
    'docker compose up '* | 'docker compose stop '* | 'docker compose down '* | 'docker build '* | 'docker run '*)
        work_of_docker "$1"
        ;;
    *) return 1 ;;
    esac
}

work_of_docker() {
    local start=$SECONDS
    if [ "$failed" -eq 0 ] && timeout --kill-after=10 "$limit" bash -c "$1" >"$work/said" 2>&1 </dev/null; then
        echo "   \$ $1: $((SECONDS - start)) s"
        pass
    else
        fail "$1" "$(tail -n 30 "$work/said")"
    fi
}

# Removes everything that the page has left, if it was not followed to its end.
leave() {
    # What cannot be removed changes nothing of how the script ends.
    set +e
    [ -z "$followed" ] ||
        timeout 60 docker compose --file "$folder/compose.yaml" down --volumes --rmi local --timeout 1 >/dev/null 2>&1
    stop_daemon
    finish
    remove_groups
}
followed=
trap leave EXIT

# Where there is a daemon, its owner's other containers, images and volumes are left alone: of the page only what Compose
# does is followed, as a project of another name.
use_daemon() {
    local port
    cat /proc/net/{tcp,tcp6,udp,udp6} >"$work/ports" 2>/dev/null || true
    for port in 8500 8600; do
        ! grep -qi ":$(printf %04X $port) " "$work/ports" || give_up "the port $port is taken"
    done
    sed '/^## Without Compose/,$d' "$page" >"$work/page"
    page=$work/page
    export COMPOSE_PROJECT_NAME=rollcall-page-$$
    echo "   a daemon is here: its images are taken; what stands below \"Without Compose\" is left out"
}

follow() {
    cd "$folder"
    followed=yes
    run_page "$page"
    [ "$failed" -eq 0 ] ||
        timeout 30 docker compose --file "$folder/compose.yaml" logs --tail 20 2>&1 | sed 's/^/    /' || true
}

need dig curl jq
if [ -n "${ROLLCALL_INSIDE:-}" ]; then
    compose=$ROLLCALL_COMPOSE
    start_daemon
    set_up
    have_images
    follow
    conclude
    exit
fi
find_compose
compose=$program
check_files
if timeout 20 docker info >/dev/null 2>&1 && docker compose version >/dev/null 2>&1; then
    use_daemon
    follow
    conclude
else
    get_daemon
    get_debian
    on_a_machine_of_its_own
fi
