#!/usr/bin/env bash
# unbound as a resolver that is sent to the server for its zones, as strict as it can be: it asks label by label and
# takes a NXDOMAIN for the end of all names below.
set -euo pipefail
source "$(dirname "$0")/common.sh"
need unbound dig curl
zone=service.local

start_unbound() {
    free_port
    cat >"$work/unbound.conf" <<CONF
server:
    interface: 127.0.0.1
    port: $port
    chroot: ""
    username: ""
    directory: "$work"
    pidfile: "$work/unbound.pid"
    use-syslog: no
    logfile: ""
    do-not-query-localhost: no
    domain-insecure: "service.local"
    domain-insecure: "cluster.local"
    domain-insecure: "0.10.in-addr.arpa"
    local-zone: "10.in-addr.arpa" nodefault
    qname-minimisation: yes
    qname-minimisation-strict: yes
    harden-below-nxdomain: yes
    aggressive-nsec: yes
    use-caps-for-id: yes
remote-control:
    control-enable: no
stub-zone:
    name: "service.local"
    stub-addr: 127.0.0.1@$dns_port
stub-zone:
    name: "cluster.local"
    stub-addr: 127.0.0.1@$dns_port
stub-zone:
    name: "0.10.in-addr.arpa"
    stub-addr: 127.0.0.1@$dns_port
CONF
    spawn unbound unbound -d -p -c "$work/unbound.conf"
    eventually "unbound resolves" 10 "NOERROR 10.0.0.1,10.0.0.2,10.0.0.3" ask web.$zone A
}

register_hosts() {
    register web web-1 '{"addresses":["10.0.0.1","fd00::1"],"ports":[{"name":"http","port":8081}],"tags":["a.b"]}'
    register web web-2 '{"address":"10.0.0.2","ports":[{"name":"http","port":8082}]}'
    register web web-3 '{"address":"10.0.0.3","ports":[{"name":"http","port":8083}]}'
    register_many many 300 10.1
}

# What lies between two names that exist must not be taken for the end of the tree.
names_between() {
    local middle=$1 service=$2 hosts=$3 type
    for type in SRV A AAAA TXT NS; do
        same "unbound: _tcp.$middle $type has no records, but exists" "NOERROR " "$(ask "_tcp.$middle" $type)"
    done
    same "unbound: _http._tcp.$middle SRV after _tcp.$middle" "$hosts" "$(ask "_http._tcp.$middle" SRV | only_ports)"
    same "unbound: _no._tcp.$middle SRV" "NXDOMAIN " "$(ask "_no._tcp.$middle" SRV)"
    same "unbound: _http._tcp.$middle SRV after a sister that is not there" "$hosts" \
        "$(ask "_http._tcp.$middle" SRV | only_ports)"
    same "unbound: $middle A" "$service" "$(ask "$middle" A)"
}

# Leaves the ports of SRV records.
only_ports() {
    sed -E 's/[0-9]+ [0-9]+ ([0-9]+) [^,]*/\1/g'
}

targets() {
    local target
    for target in $(ask _http._tcp.web.$zone SRV | tr ',' '\n' | awk '{ print $NF }' | sort); do
        echo "$(ask "$target" A) $(ask "$target" AAAA)"
    done | sort
}

come_and_go() {
    deregister web web-2
    eventually "unbound: a host that was deregistered is gone" 5 "NOERROR 10.0.0.1,10.0.0.3" ask web.$zone A
    eventually "unbound: so is its port" 5 "NOERROR 8081,8083" srv_ports
    report web web-3 critical
    eventually "unbound: a critical host is gone" 5 "NOERROR 10.0.0.1" ask web.$zone A
    deregister web web-1
    eventually "unbound: a service without healthy hosts" 5 "NXDOMAIN " ask web.$zone A
    report web web-3 passing
    eventually "unbound: a host came back" 5 "NOERROR 10.0.0.3" ask web.$zone A
    same "unbound: a service that nobody has" "NXDOMAIN " "$(ask new.$zone A)"
    register new new-1 '{"address":"10.0.0.4"}'
    eventually "unbound: its first host" 5 "NOERROR 10.0.0.4" ask new.$zone A
}

srv_ports() {
    ask _http._tcp.web.$zone SRV | only_ports
}

start_server ROLLCALL_REVERSE=10.0.0.0/16 ROLLCALL_RECORD_TTL=1s ROLLCALL_NEGATIVE_TTL=1s
register_hosts
start_unbound
names_between web.$zone "NOERROR 10.0.0.1,10.0.0.2,10.0.0.3" "NOERROR 8081,8082,8083"
names_between web.default.svc.$zone "NOERROR 10.0.0.1,10.0.0.2,10.0.0.3" "NOERROR 8081,8082,8083"
names_between web.default.svc.cluster.local "NOERROR 10.0.0.1,10.0.0.2,10.0.0.3" "NOERROR 8081,8082,8083"
same "unbound: a tag with a dot" "NOERROR 10.0.0.1" "$(ask a.b.web.$zone A)"
same "unbound: the last part of a tag with a dot" "NOERROR " "$(ask b.web.$zone A)"
same "unbound: an address turned round" "NOERROR web-1.web.default.svc.$zone." "$(ask -x 10.0.0.1)"
same "unbound: an address that no host has" "NXDOMAIN " "$(ask -x 10.0.0.9)"
same "unbound: half an address" "NOERROR " "$(ask 0.0.10.in-addr.arpa PTR)"
same "unbound: the targets of SRV" "NOERROR 10.0.0.1 NOERROR fd00::1
NOERROR 10.0.0.2 NOERROR 
NOERROR 10.0.0.3 NOERROR " "$(targets)"
same "unbound: a set that needs TCP" 300 "$(ask many.$zone SRV +tcp | tr ',' '\n' | grep -c ' 80 ')"
come_and_go
conclude
