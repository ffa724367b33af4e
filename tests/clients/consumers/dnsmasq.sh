#!/usr/bin/env bash
# dnsmasq that forwards the names below service.local to the server: what comes through it is what was asked for.
set -euo pipefail
source "$(dirname "$0")/common.sh"
need dnsmasq dig curl
zone=service.local

start_dnsmasq() {
    free_port
    spawn dnsmasq dnsmasq --keep-in-foreground --conf-file=/dev/null --no-resolv --no-hosts --user="$(id -un)" \
        --port="$port" --listen-address=127.0.0.1 --bind-interfaces --pid-file= --log-facility=- \
        --server="/service.local/127.0.0.1#$dns_port"
    eventually "dnsmasq forwards" 10 "NOERROR 10.0.0.1,10.0.0.2" ask web.$zone A
}

# Prints `tc` and the number of records of an answer over UDP, as it comes.
over_udp() {
    dig @127.0.0.1 -p "$port" +tries=1 +time=3 +ignore "$@" | sed -nE 's/^;; flags: (qr|aa|ra|rd| )*(tc)?.*/\2/p'
}

count() {
    dig @127.0.0.1 -p "$port" +tries=1 +time=3 "$@" | grep -c "^$1" || true
}

additional() {
    dig @127.0.0.1 -p "$port" +tries=1 +time=3 +noall +additional "$@" | tr '\t' ' ' |
        sed -E 's/ +[0-9]+ +IN +/ /' | sort
}

start_server ROLLCALL_RECORD_TTL=1s ROLLCALL_NEGATIVE_TTL=1s
register web web-1 '{"addresses":["10.0.0.1","fd00::1"],"ports":[{"name":"http","port":8081}]}'
register web web-2 '{"address":"10.0.0.2","ports":[{"name":"http","port":8082}]}'
register_many many 300 10.1
start_dnsmasq
same "dnsmasq: AAAA" "NOERROR fd00::1" "$(ask web.$zone AAAA)"
same "dnsmasq: SRV" "NOERROR 0 1 8081 0a000001.addr.$zone.,0 1 8082 0a000002.addr.$zone." "$(ask web.$zone SRV)"
same "dnsmasq: what comes with SRV" "0a000001.addr.$zone. A 10.0.0.1
0a000001.addr.$zone. AAAA fd00::1
0a000002.addr.$zone. A 10.0.0.2" "$(additional _http._tcp.web.$zone SRV)"
same "dnsmasq: no records of a type" "NOERROR " "$(ask web.$zone TXT)"
same "dnsmasq: no such name" "NXDOMAIN " "$(ask nothing.$zone A)"
for type in A SRV; do
    for options in +noedns +bufsize=512 +bufsize=1232; do
        same "dnsmasq: 300 $type records $options over UDP" tc "$(over_udp many.$zone $type $options)"
        same "dnsmasq: 300 $type records $options" 300 "$(count many.$zone $type $options)"
    done
    same "dnsmasq: 300 $type records over TCP" 300 "$(count many.$zone $type +tcp)"
done
deregister web web-2
eventually "dnsmasq: a host that was deregistered is gone" 5 "NOERROR 10.0.0.1" ask web.$zone A
deregister web web-1
eventually "dnsmasq: the last one too" 5 "NXDOMAIN " ask web.$zone A
register web web-3 '{"address":"10.0.0.3"}'
eventually "dnsmasq: a new one is there" 5 "NOERROR 10.0.0.3" ask web.$zone A
conclude
