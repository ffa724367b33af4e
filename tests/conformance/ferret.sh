#!/usr/bin/env bash
# Compares the answers from static zones with those of Bind, NSD, Knot and PowerDNS on the questions of the Ferret
# dataset (MIT). FERRET_DATASET names a checkout; without it one is made below target/. Without git or a network it
# says SKIP. Further arguments go to the test program: --nocapture is not needed, the score is always printed.
set -euo pipefail
cd "$(dirname "$0")/../.."
source=https://github.com/dns-groot/FerretDataset

if [ -z "${FERRET_DATASET:-}" ]; then
    FERRET_DATASET=${CARGO_TARGET_DIR:-target}/ferret-dataset
    if [ ! -d "$FERRET_DATASET/ValidZoneFileTests" ]; then
        rm -rf "$FERRET_DATASET"
        if ! timeout 300 git clone --quiet --depth 1 "$source" "$FERRET_DATASET"; then
            rm -rf "$FERRET_DATASET"
            echo "SKIP: the comparison with other servers: $source cannot be cloned"
            exit 0
        fi
    fi
    FERRET_DATASET=$(realpath "$FERRET_DATASET")
fi
export FERRET_DATASET
exec cargo test --quiet --test ferret -- --test-threads=1 "$@"
