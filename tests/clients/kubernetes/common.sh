# shellcheck shell=bash
# What the scripts beside this file share, on top of ../consul/common.sh. To be sourced.

source "$(dirname "${BASH_SOURCE[0]}")/../consul/common.sh"
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# Says to clients where the server is, in plain http. Sets `KUBECONFIG`; what clients keep goes to `work`.
write_kubeconfig() {
    cat >"$work/kubeconfig" <<CONF
apiVersion: v1
kind: Config
clusters: [{name: rollcall, cluster: {server: "$http"}}]
users: [{name: nobody, user: {}}]
contexts: [{name: rollcall, context: {cluster: rollcall, user: nobody}}]
current-context: rollcall
CONF
    export KUBECONFIG=$work/kubeconfig HOME=$work
}

# One service through three APIs: $1 is its name.
register_through_all() {
    register "$1" a '{"address":"10.0.0.1","port":80,"tags":["tier=front","v1"],"zone":"az-a"}'
    call -X POST "$http/v1/registration/$1" -d ip=10.0.0.2 -d port=80 -d revision=r \
        -d 'tags={"az":"az-b","region":"r","instance_id":"i"}'
    call -X PUT "$http/v1/agent/service/register" \
        --data "{\"Name\":\"$1\",\"ID\":\"$1-3\",\"Address\":\"10.0.0.3\",\"Port\":80,\"Tags\":[\"tier=front\"]}"
}

# Sets `kubectl` to Debian's, whatever is installed: its package is unpacked, not installed.
find_kubectl() {
    local folder=$cache/kubectl-debian
    kubectl=$folder/usr/bin/kubectl
    [ -x "$kubectl" ] && return
    command -v apt-get >/dev/null && command -v dpkg >/dev/null || give_up "there is no apt-get for kubectl"
    mkdir -p "$folder"
    [ "$(id -u)" -ne 0 ] || apt-get update -qq >"$work/apt" 2>&1 || true
    (cd "$folder" && apt-get download kubernetes-client && dpkg -x kubernetes-client_*.deb .) >>"$work/apt" 2>&1 ||
        { tail -n 5 "$work/apt" && give_up "kubernetes-client cannot be fetched"; }
    rm -f "$folder"/kubernetes-client_*.deb
}
