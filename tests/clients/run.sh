#!/usr/bin/env bash
# `rollcall run` and `rollcall env` with services and clients as people have them: a server in Python behind `run`, asked
# for by dig; a keyboard; process 1 of a container; blacksmith with Nomad's variables, a class for pods with Kubernetes'.
# Usage: tests/clients/run.sh (ROLLCALL names another program than the debug build).
set -euo pipefail
source "$(dirname "$0")/consul/common.sh"
parts=$(cd "$(dirname "$0")/run" && pwd)
need python3 dig curl jq
run=

# Waits until a command succeeds; 10 s at most.
until_it() {
    local _
    for _ in $(seq 1 100); do
        "$@" && return
        sleep 0.1
    done
    return 1
}

# What is tried: a title, then a command.
check() {
    local title=$1
    shift
    if "$@"; then pass; else fail "$title" "$*" "-- run:" "$(cat "$work/run.err")" "-- program:" "$(cat "$work/run.out")"; fi
}

ask() {
    dig "@$dns_address" -p "$dns_port" +tries=1 "$1.service.local" "${2:-A}"
}

dns_says() {
    ask "$1" | grep -q "status: $2"
}

wrote() {
    grep -q -- "$2" "$work/run.$1"
}

nobody_of() {
    [ "$(curl -s "$http/v1/hosts/$1" | jq '.hosts | length')" -eq 0 ]
}

is_gone() {
    ! kill -0 "$1" 2>/dev/null
}

# Starts `run` around the service $1 with these flags; sets `run` to its process.
start_run() {
    local name=$1
    shift
    free_port
    rm -f "$work/sick"
    service=("$(command -v python3)" "$parts/server.py" "$port" "$work/sick" "$name.service.local" "$dns_address" "$dns_port")
    flags=(run --service "$name" --port "$port" "$@")
    "$ROLLCALL" "${flags[@]}" -- "${service[@]}" >"$work/run.out" 2>"$work/run.err" </dev/null &
    run=$!
    children+=("$run")
}

ends_with() {
    local code=0
    wait "$run" || code=$?
    [ "$code" -eq "$1" ]
}

# ---- the life of a service ----

whole_life() {
    start_run web --check http:/health --drain 2s
    check "it is found" until_it dns_says web NOERROR
    check "its port, too" [ "$(ask web SRV | awk '$4 == "SRV" { print $7 }')" = "$port" ]
    check "it answers" [ "$(curl -s "http://127.0.0.1:$port/health" | jq .from)" = "$port" ]
    kill -TERM "$run"
    check "it leaves DNS at once" until_it dns_says web NXDOMAIN
    check "it drains" [ "$(curl -s "$http/v1/hosts/web" | jq '.hosts[0].draining')" = true ]
    check "it still answers those who know of it" curl -sf -o "$work/body" "http://127.0.0.1:$port/health"
    check "it has not heard of its end" [ "$(cat "$work/run.out")" = listening ]
    check "its exit code comes through" ends_with 7
    check "DNS had forgotten it before it heard" wrote out "SIGTERM: DNS says NXDOMAIN"
    check "it is deregistered" nobody_of web
}

health() {
    start_run web --check http:/health --interval 1s --failures 2 --drain 0s
    touch "$work/sick"
    check "sick, nobody is told of it" until_it wrote err "not registered yet: HTTP GET http://127.0.0.1:$port/health: 503"
    check "sick, it is not found" dns_says web NXDOMAIN
    rm "$work/sick"
    check "well, it is found" until_it dns_says web NOERROR
    touch "$work/sick"
    check "sick again, it is not found" until_it dns_says web NXDOMAIN
    check "it stays registered" [ "$(curl -s "$http/v1/hosts/web" | jq -r '.hosts[0].status')" = critical ]
    rm "$work/sick"
    check "well again, it is found" until_it dns_says web NOERROR
    kill -TERM "$run"
    check "it ends" ends_with 7
}

# As a server in front of TLS has it: a certificate that nobody has signed.
over_tls() {
    openssl req -x509 -newkey rsa:2048 -nodes -keyout "$work/key" -out "$work/pem" -days 1 -subj /CN=web >"$work/openssl" 2>&1 ||
        { skip "openssl is missing: https is not tried" && return; }
    cat "$work/key" >>"$work/pem"
    free_port
    service=("$(command -v python3)" "$parts/server.py" "$port" "$work/sick" tls.service.local "$dns_address" "$dns_port" "$work/pem")
    for flag in --tls-skip-verify ""; do
        # shellcheck disable=SC2086
        "$ROLLCALL" run --service tls --port "$port" --check https:/health --drain 0s --failures 1 $flag -- "${service[@]}" \
            >"$work/run.out" 2>"$work/run.err" </dev/null &
        run=$!
        if [ -n "$flag" ]; then
            check "https is asked" until_it dns_says tls NOERROR
        else
            check "a certificate that nobody signed is none" until_it wrote err "certificate"
            check "it is not found" dns_says tls NXDOMAIN
        fi
        kill -TERM "$run"
        check "it ends" ends_with 7
    done
}

killed() {
    local child
    start_run web --check http:/health --ttl 2s
    check "it is found" until_it dns_says web NOERROR
    child=$(pgrep -P "$run")
    kill -KILL "$run"
    wait "$run" 2>/dev/null || true
    check "the program goes with run" until_it is_gone "$child"
    check "it was asked to" wrote out "SIGTERM: "
    check "the lease ends" until_it dns_says web NXDOMAIN
    check "nobody is left" until_it nobody_of web
}

# The server is away, comes back with an empty table, and is told again.
server_restarts() {
    local address=${http#http://}
    start_run web --check http:/health --ttl 3s --drain 0s
    check "it is found" until_it dns_says web NOERROR
    stop_server
    check "that the server is away is said" until_it wrote err "the lease is not renewed: cannot ask http://$address"
    check "the program runs on" curl -sf -o "$work/body" "http://127.0.0.1:$port/health"
    "$ROLLCALL" serve --store memory --http "$address" --dns "$dns_address:$dns_port" >"$work/out" 2>"$work/log" </dev/null &
    server=$!
    check "it is found again" until_it dns_says web NOERROR
    stop_server
    kill -TERM "$run"
    check "without the server it ends all the same" ends_with 7
    check "that it may be found is said" wrote err "not deregistered: cannot ask"
    start_server
    export ROLLCALL_SERVER=$http
}

keyboard() {
    free_port
    "$(command -v python3)" "$parts/keyboard.py" "registered, passing" "$ROLLCALL" run --service web --port "$port" \
        --check http:/health --drain 300ms -- python3 "$parts/server.py" "$port" "$work/sick" web.service.local \
        "$dns_address" "$dns_port" >"$work/run.out" 2>"$work/run.err"
    check "Ctrl-C comes after the drain" wrote out "SIGINT: DNS says NXDOMAIN"
    check "its exit code comes through" wrote out "exit 7"
}

# A server that takes connections and says nothing must not keep the program from its end.
silent_server() {
    local start
    free_port
    spawn silent python3 -c "
import socket, time
server = socket.create_server(('127.0.0.1', $port), backlog=64)
print('listening', flush=True)
time.sleep(60)"
    check "somebody listens" until_it grep -qs listening "$work/silent.log"
    start_run quiet --server "http://127.0.0.1:$port" --drain 0s
    check "no answer is said to be none" until_it wrote err "did not answer within 3s"
    start=$SECONDS
    kill -TERM "$run"
    check "it ends" ends_with 7
    check "it ends before an init loses patience" [ $((SECONDS - start)) -lt 9 ]
}

# What wants a line of the terminal is stopped, and still hears of its end.
reads_the_terminal() {
    "$(command -v python3)" "$parts/keyboard.py" "reads from the terminal" "$ROLLCALL" run --service web --drain 0s -- cat \
        >"$work/run.out" 2>"$work/run.err"
    check "that it is stopped is said, and it ends" wrote out "exit 130"
}

# Process 1 of a container gets the orphans of all others: none must stay unburied.
process_one() {
    local script="(sh -c 'sleep 0.2' & exit); sleep 1; ps -eo pid=,stat=,comm="
    if ! unshare --pid --fork --mount-proc true 2>/dev/null; then
        skip "unshare is not permitted: process 1 is not tried"
        return
    fi
    unshare --pid --fork --mount-proc --kill-child "$ROLLCALL" run --service one -- sh -c "$script" >"$work/run.out" 2>"$work/run.err"
    check "run is process 1" grep -q '^ *1 .*rollcall' "$work/run.out"
    check "orphans are buried" [ "$(awk '$2 ~ /Z/' "$work/run.out" | wc -l)" -eq 0 ]
}

# ---- variables ----

variables() {
    local ours
    start_run user-v1 --check http:/health --drain 0s
    check "it is found" until_it dns_says user-v1 NOERROR
    ours=$port
    # shellcheck disable=SC2016
    check "a shell evaluates them" [ "$(sh -c 'eval "$("$0" env user-v1)"; echo "$USER_V1_SERVICE_HOST:$USER_V1_SERVICE_PORT $USER_V1_PORT"' \
        "$ROLLCALL")" = "127.0.0.1:$ours tcp://127.0.0.1:$ours" ]
    make_venv run blacksmith==5.1.0 kubernetes==35.0.0
    check "blacksmith with Nomad's" [ "$("$ROLLCALL" run --env user-v1 --env-style nomad -- "$python" "$parts/blacksmith_nomad.py" 2>&1)" = \
        "http://127.0.0.1:$ours/v1 http://127.0.0.1:$ours
UnregisteredServiceException
name='bob'" ]
    check "the class for pods with Kubernetes'" [ "$("$ROLLCALL" run --env user-v1 -- "$python" "$parts/kubernetes_env.py" 2>&1)" = \
        "http://127.0.0.1:$ours http://nobody.default.svc.cluster.local" ]
    kill -TERM "$run"
    check "it ends" ends_with 7
    check "gone, it has no variables" [ "$("$ROLLCALL" env user-v1 2>&1)" = "rollcall: no host of user-v1 is served and has a port" ]
}

start_server
export ROLLCALL_SERVER=$http
whole_life
health
over_tls
killed
keyboard
reads_the_terminal
silent_server
process_one
variables
server_restarts
conclude
