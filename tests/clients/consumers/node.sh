#!/usr/bin/env bash
# Node's resolver, which is c-ares: every kind of record that it reads, 300 hosts over TCP, names that are not there.
set -euo pipefail
source "$(dirname "$0")/common.sh"
need node curl
mkdir "$work/zones"
cat >"$work/zones/service.local.zone" <<'ZONE'
$TTL 60
@       IN SOA   ns hostmaster ( 1 4h 1h 1w 5 )
        IN NS    ns
gateway IN A     10.9.0.1
docs    IN CNAME gateway
note    IN TXT   "one text" "and another"
ZONE
cat >"$work/zones/9.10.in-addr.arpa.zone" <<'ZONE'
$TTL 60
@   IN SOA ns.service.local. hostmaster ( 1 4h 1h 1w 5 )
    IN NS  ns.service.local.
1.0 IN PTR gateway.service.local.
ZONE
start_server ROLLCALL_ZONES_DIR="$work/zones" ROLLCALL_REVERSE=10.0.0.0/16
register web web-1 '{"addresses":["10.0.0.1","fd00::1"],"ports":[{"name":"http","port":8081}]}'
register web web-2 '{"address":"10.0.0.2","ports":[{"name":"http","port":8082}]}'
register one one-1 '{"address":"10.0.3.1","port":80}'
register_many many 300 10.1
count_lines < <(node "$(dirname "$0")/node.mjs" "$dns_address:$dns_port" 2>&1)
conclude
