#!/usr/bin/env bash
# Lets the clients that people use with Consul talk to a running server, unmodified, and compares its answers with those
# of a real Consul. Each part has a script in consul/, which works alone too. Usage: tests/clients/consul.sh [NAME]...
#
# ROLLCALL names another program than the debug build. AGAINST=consul tries the parts on a real Consul instead, which
# shows whether they are right themselves. What is downloaded and built is kept in ROLLCALL_CACHE, which is
# ~/.cache/rollcall-tests when it is not set.
set -euo pipefail
source "$(dirname "$0")/parts.sh"
[ $# -gt 0 ] || set -- snippets python py-consul-tests blacksmith node go-client consul-template prometheus real-consul \
    differential
run_parts "$(dirname "$0")/consul" "as it should be" "$@"
