#!/usr/bin/env bash
# Lets clients of Kubernetes look up what stands in a running server, unmodified, without a cluster: the official client
# for Python, and kubectl. Usage: tests/clients/kubernetes.sh [NAME]...
#
# ROLLCALL names another program than the debug build. What is downloaded is kept in ROLLCALL_CACHE, which is
# ~/.cache/rollcall-tests when it is not set.
set -euo pipefail
source "$(dirname "$0")/parts.sh"
[ $# -gt 0 ] || set -- python kubectl
run_parts "$(dirname "$0")/kubernetes" "as it should be" "$@"
