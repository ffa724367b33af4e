# shellcheck shell=bash
# What the scripts beside this file share, on top of ../server.sh. To be sourced, by a script that works alone as well
# as called by ../consumers.sh.
#
# Exit codes: 0 all as it should be, 1 something is not, 77 nothing was tried, as the consumer cannot run here.

source "$(dirname "${BASH_SOURCE[0]}")/../server.sh"
export LC_ALL=C
# Debian has some daemons outside the path of users.
PATH=$PATH:/usr/sbin:/sbin
children=()

# Ends the consumers before the server, so that none of them logs what is not a fault.
finish() {
    local child
    for child in "${children[@]}"; do
        kill "$child" 2>/dev/null || true
    done
    for child in "${children[@]}"; do
        end_of "$child"
    done
    stop_server
    rm -rf "$work"
}

# Waits for the end of a process; one that takes longer than 3 s is killed.
end_of() {
    for _ in $(seq 1 30); do
        kill -0 "$1" 2>/dev/null || break
        sleep 0.1
    done
    kill -KILL "$1" 2>/dev/null || true
    wait "$1" 2>/dev/null || true
}

# Runs a program beside the script, until its end. $1 names its log.
spawn() {
    local name=$1
    shift
    "$@" >"$work/$name.log" 2>&1 </dev/null &
    children+=($!)
}

# Ends the script, loudly, when a command is not there.
need() {
    local command
    for command in "$@"; do
        if ! command -v "$command" >/dev/null; then
            give_up "$command is missing"
        fi
    done
}

give_up() {
    skip "$(basename "$0" .sh): $1: this consumer is not tried"
    exit 77
}

# Starts the script again with interfaces and mounts of its own, so that port 53 and /etc/resolv.conf are its own too.
# Needs root, or a kernel that lets users have user namespaces.
enter_namespace() {
    local inside
    if [ -z "${ROLLCALL_INSIDE:-}" ]; then
        need unshare ip
        for inside in "unshare --net --mount" "unshare --user --map-root-user --net --mount"; do
            if $inside ip link set lo up 2>/dev/null; then
                finish
                ROLLCALL_INSIDE=yes exec $inside "$0" "$@"
            fi
        done
        give_up "unshare is not permitted"
    fi
    ip link set lo up
    # Addresses beside the loopback ones: without, getaddrinfo takes the machine for one that has no network.
    ip address add 10.0.0.250/8 dev lo
    ip address add fd00::250/64 dev lo nodad 2>/dev/null || true
    dns_listen=127.0.0.1:53
}

# Puts what is on standard input in the place of a file, inside the namespace only. A name kept by a daemon for the
# whole machine (nscd) must not answer instead.
replace_file() {
    cat >"$work/${1//\//_}"
    mount --bind "$work/${1//\//_}" "$(readlink -f "$1")"
    [ ! -d /run/nscd ] || mount -t tmpfs tmpfs /run/nscd
}

# The resolver of a pod in the namespace `default`.
like_a_pod() {
    replace_file /etc/resolv.conf <<'CONF'
search default.svc.cluster.local svc.cluster.local cluster.local
nameserver 127.0.0.1
options ndots:5
CONF
}

# Sets `port` to one on which nothing listens, below those that connections get.
free_port() {
    while :; do
        port=$((20000 + RANDOM % 12000))
        cat /proc/net/{tcp,tcp6,udp,udp6} 2>/dev/null | grep -i ":$(printf %04X "$port") " >/dev/null || break
    done
}

# ---- the hosts ----

# Calls the HTTP API with these arguments of curl; whatever is not a 2xx is a failure.
call() {
    local status
    status=$(curl -s --max-time 10 -o "$work/body" -w '%{http_code}' "$@" || true)
    case $status in
    2??) ;;
    *) fail "curl $*" "$status" "$(cat "$work/body" 2>/dev/null || true)" ;;
    esac
}

# $1 service, $2 id, $3 the host as JSON.
register() {
    call -X PUT "$http/v1/hosts/$1/$2" --data "$3"
}

deregister() {
    call -X DELETE "$http/v1/hosts/$1/$2"
}

# $1 service, $2 id, $3 passing, warning or critical.
report() {
    call -X PUT "$http/v1/hosts/$1/$2/health" --data "{\"status\":\"$3\"}"
}

# Registers hosts of a service with consecutive addresses. $1 service, $2 how many, $3 the first two or three parts of
# their addresses.
register_many() {
    local number statuses
    statuses=$(for number in $(seq 1 "$2"); do
        printf 'next\nrequest = PUT\nurl = "%s/v1/hosts/%s/%s-%s"\n' "$http" "$1" "$1" "$number"
        printf 'data = "{\\"address\\":\\"%s\\",\\"ports\\":[{\\"name\\":\\"http\\",\\"port\\":80}]}"\n' \
            "$(nth_address "$3" "$number")"
        printf 'output = /dev/null\nwrite-out = "%%{http_code}\\n"\n'
    done | sed 1d | curl -s --max-time 60 --config - || true)
    if [ "$(grep -c '^20[01]$' <<<"$statuses")" -ne "$2" ]; then
        fail "$1: not every host was registered" "$(sort <<<"$statuses" | uniq -c)"
    fi
}

nth_address() {
    case $1 in
    *.*.*) echo "$1.$2" ;;
    *) echo "$1.$(($2 / 250)).$(($2 % 250 + 1))" ;;
    esac
}

# ---- what was found ----

# $1 title, $2 what must be there, $3 what is there.
same() {
    if [ "$2" = "$3" ]; then
        pass
    else
        fail "$1" "expected: $2" "found: $3"
    fi
}

# $1 title, $2 seconds, $3 what a command must print before they are over; then the command.
eventually() {
    local title=$1 seconds=$2 expected=$3 start=$SECONDS found
    shift 3
    while :; do
        found=$("$@" 2>&1 || true)
        if [ "$found" = "$expected" ]; then
            pass
            return
        fi
        [ $((SECONDS - start)) -le "$seconds" ] || break
        sleep 0.1
    done
    fail "$title, for $seconds s" "expected: $expected" "found: $found"
}

# Counts the lines of a program that makes tests itself: `ok` and a title, or `FAILED`, the title, a colon and
# the reason.
count_lines() {
    local line seen=no
    while IFS= read -r line; do
        case $line in
        "ok "*) pass && seen=yes ;;
        "FAILED "*) line=${line#FAILED } && fail "${line%%: *}" "${line#*: }" && seen=yes ;;
        *) echo "    $line" ;;
        esac
    done
    [ $seen = yes ] || fail "$(basename "$0" .sh) made no test"
}

# Prints the response code and the sorted records that a resolver at `port` gives. Arguments are dig's.
ask() {
    dig @127.0.0.1 -p "$port" +tries=1 +time=3 +noauthority +noadditional "$@" | tr '\t' ' ' |
        sed -nE 's/.* status: ([A-Z]+),.*/\1/p; s/^[^; ]+ +[0-9]+ +IN +[A-Z]+ +//p' | {
        read -r rcode
        echo "$rcode $(sort | paste -sd,)"
    }
}
