#!/usr/bin/env bash
# dnspython reads every reply to some 20,000 questions to its last octet.
set -euo pipefail
source "$(dirname "$0")/common.sh"
need curl
# The python3 of the path may be another than the one that Debian's package is for.
python=
for each in python3 /usr/bin/python3; do
    if "$each" -c 'import dns.edns, dns.message' 2>/dev/null; then
        python=$each
        break
    fi
done
[ -n "$python" ] || give_up "python3 has no dnspython"

mkdir "$work/zones"
cat >"$work/zones/example.test.zone" <<'ZONE'
$TTL 60
@       IN SOA   ns hostmaster ( 7 4h 1h 1w 5 )
        IN NS    ns
ns      IN A     127.0.0.1
mail    IN MX    10 ns
*.apps  IN A     10.9.0.2
docs    IN CNAME mail
chain   IN CNAME docs
out     IN CNAME www.example.com.
sub     IN NS    ns.sub
ns.sub  IN A     10.9.0.3
ZONE
for number in $(seq 1 30); do
    echo "big IN TXT \"$number $(printf '%060d' 0)\""
done >>"$work/zones/example.test.zone"
cat >"$work/zones/9.10.in-addr.arpa.zone" <<'ZONE'
$TTL 60
@   IN SOA ns.example.test. hostmaster ( 1 4h 1h 1w 5 )
    IN NS  ns.example.test.
1.0 IN PTR mail.example.test.
ZONE
start_server ROLLCALL_ZONES_DIR="$work/zones" ROLLCALL_REVERSE=10.0.0.0/16,fd00::/16 ROLLCALL_TXT=true
register web web-1 '{"addresses":["10.0.0.1","fd00::1"],"ports":[{"name":"http","port":8081}],
    "tags":["a.b"],"meta":{"k":"v"},"zone":"az-a"}'
register web web-2 '{"address":"10.0.0.2","ports":[{"name":"http","port":8082}]}'
register six six-1 '{"address":"fd00::6","port":80}'
register silent silent-1 '{"address":"10.0.2.1"}'
register gone gone-1 '{"address":"10.0.2.2","port":80}'
report gone gone-1 critical
register_many some 25 10.3.0
register_many many 300 10.1
count_lines < <("$python" "$(dirname "$0")/dnspython.py" "$dns_address" "$dns_port" 2>&1)
conclude
