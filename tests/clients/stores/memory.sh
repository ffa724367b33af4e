#!/usr/bin/env bash
# What every store must do, on nothing but memory.
set -euo pipefail
source "$(dirname "$0")/../clients.sh"
source "$(dirname "$0")/common.sh"
need python3
try_store memory
