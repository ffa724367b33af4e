#!/usr/bin/env bash
# Measures rollcall beside other servers and prints Markdown tables; see README.md.
#
#   benches/peers/run.sh [--go] [--quick] [PART]...
#
# Installs what Debian has (nsd, knot, dnsperf) where it may, builds the programs of the bench, and runs it. ROLLCALL is
# the program to measure; target/release/rollcall when it is not set, which this does not build.
set -euo pipefail
exec </dev/null
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
export ROLLCALL=${ROLLCALL:-${CARGO_TARGET_DIR:-$root/target}/release/rollcall}
# Below the build directory: what the bench makes is not part of the project.
export PEERS_WORK=${PEERS_WORK:-$root/target/peers}
export PYTHONDONTWRITEBYTECODE=1
# Debian has daemons outside the path of users.
export PATH=$PATH:/usr/sbin:/sbin

for needed in python3 cargo; do
    command -v "$needed" >/dev/null || { echo "$0: needs $needed" >&2; exit 1; }
done
[ -x "$ROLLCALL" ] || { echo "$0: build it first: cargo build --release" >&2; exit 1; }
"$here/install.sh"
cargo build --release --quiet --manifest-path "$here/Cargo.toml" --target-dir "$PEERS_WORK" >&2
cd "$here"
exec python3 -m bench "$@"
