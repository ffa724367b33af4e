#!/usr/bin/env bash
# Installs nsd, knot and dnsperf from Debian where they are missing, as root; else says what is missing. None of the
# daemons is started.
set -euo pipefail

missing=()
command -v nsd >/dev/null || missing+=(nsd)
command -v knotd >/dev/null || missing+=(knot)
command -v dnsperf >/dev/null || missing+=(dnsperf)
[ ${#missing[@]} -gt 0 ] || exit 0

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    echo "missing, and left out: ${missing[*]} (installing them needs root and apt-get)" >&2
    exit 0
fi
policy=/usr/sbin/policy-rc.d
if [ -e $policy ]; then policy=; else printf '#!/bin/sh\nexit 101\n' >$policy && chmod +x $policy; fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq || true
for package in "${missing[@]}"; do
    apt-get install -y -qq --no-install-recommends "$package" >/dev/null 2>&1 ||
        echo "missing, and left out: $package (it cannot be installed)" >&2
done
[ -z "$policy" ] || rm -f "$policy"
