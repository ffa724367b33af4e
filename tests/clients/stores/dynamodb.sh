#!/usr/bin/env bash
# What every store must do, by two servers on moto's DynamoDB.
set -euo pipefail
source "$(dirname "$0")/../dynamodb/common.sh"
source "$root/tests/clients/stores/common.sh"

finish() {
    stop_engine
    rm -rf "$work"
}

place_engine
start_engine moto
try_store dynamodb "${settings[@]}"
