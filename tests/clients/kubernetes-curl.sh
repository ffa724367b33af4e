#!/usr/bin/env bash
# Runs every command of docs/kubernetes.md on a fresh server, in order, and compares what it prints with what stands there.
# Usage: tests/clients/kubernetes-curl.sh (ROLLCALL names another program than the debug build).
set -euo pipefail
source "$(dirname "$0")/kubernetes/common.sh"
source "$(dirname "$0")/page.sh"
for needed in curl jq; do
    if ! command -v $needed >/dev/null; then
        skip "$needed is missing: the commands of docs/kubernetes.md are not run"
        exit 0
    fi
done
find_kubectl

# As docs/kubernetes.md has them.
kubectl() {
    "$kubectl" "$@"
}

prepare() {
    case $1 in
    "base="*) base=$http ;;
    "export KUBECONFIG="*) ;;
    *) return 1 ;;
    esac
}

start_server
write_kubeconfig
run_page "$root/docs/kubernetes.md"
conclude
