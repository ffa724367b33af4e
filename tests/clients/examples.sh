#!/usr/bin/env bash
# Follows the README of each folder of examples/, as written, with the real programs. Each has a network of its own, so that
# the usual ports are free. Usage: tests/clients/examples.sh [NAME]... (ROLLCALL names another program than the debug build).
set -euo pipefail
source "$(dirname "$0")/parts.sh"
here=$(dirname "$0")/examples
examples=$(dirname "$0")/../../examples
if [ $# -eq 0 ]; then
    for page in "$examples"/*/README.md; do
        set -- "$@" "$(basename "$(dirname "$page")")"
    done
fi

for name in "$@"; do
    if ! grep -qF "]($name/README.md)" "$examples/README.md"; then
        echo "FAILED: examples/README.md does not lead to $name"
        exit 1
    fi
done
run_parts "$here" "shown as written" "$@"
