#!/usr/bin/env bash
# What every store must do, on a file.
set -euo pipefail
source "$(dirname "$0")/../clients.sh"
source "$(dirname "$0")/common.sh"
need python3
try_store file
