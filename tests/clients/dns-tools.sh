#!/usr/bin/env bash
# Asks a running server for every form of name with dig, kdig and drill: over UDP without EDNS (512 octets), over UDP
# with 1232, over TCP. Each answer must have the response code and the number of records that were registered, and
# none of the tools may complain. Usage: tests/clients/dns-tools.sh (ROLLCALL names another program than the debug
# build).
set -euo pipefail
source "$(dirname "$0")/server.sh"
many=300
zone=service.local

# Registers the hosts that the function $1 describes to curl; there are $2 of them.
register() {
    local statuses
    statuses=$("$1" | sed 1d | curl -s --max-time 60 --config - || true)
    if [ "$(grep -c '^20[01]$' <<<"$statuses")" -ne "$2" ]; then
        fail "$1: not every host was registered" "$(sort <<<"$statuses" | uniq -c)"
    else
        pass
    fi
}

native() {
    printf 'next\nrequest = PUT\nurl = "%s/v1/hosts/%s/%s"\ndata = "%s"\n' "$http" "$1" "$2" "${3//\"/\\\"}"
    printf 'output = /dev/null\nwrite-out = "%%{http_code}\\n"\n'
}

lyft() {
    local tags='tags={"az":"az-1","instance_id":"i","region":"r"}'
    printf 'next\nurl = "%s/v1/registration/%s"\n' "$http" "$1"
    printf 'data = "ip=%s"\ndata = "port=80"\ndata = "revision=1"\ndata = "%s"\n' "$2" "${tags//\"/\\\"}"
    printf 'output = /dev/null\nwrite-out = "%%{http_code}\\n"\n'
}

few_hosts() {
    native web web-1 '{"address":"10.0.0.1","port":8080}'
    native web web-2 '{"address":"10.0.0.2","port":8080,"weight":10}'
    native dual dual-1 '{"addresses":["10.0.1.1","fd00::1"],"ports":[{"name":"http","port":80},{"name":"syslog","protocol":"udp","port":514}],"tags":["v1","a.b"],"ttl":"10m"}'
    native dual dual-2 '{"addresses":["10.0.1.2","fd00::2"],"ports":[{"name":"http","port":80}],"tags":["v2"]}'
    native six six-1 '{"address":"fd00::6","port":80}'
    native silent silent-1 '{"address":"10.0.2.1"}'
    native team team-1 '{"address":"10.0.2.2","port":80,"namespace":"blue"}'
    lyft old 10.0.3.1
}

many_native() {
    local number
    for number in $(seq 1 $many); do
        native many "many-$number" "{\"address\":\"10.1.$((number / 250)).$((number % 250 + 1))\",\"port\":80}"
    done
}

many_lyft() {
    local number
    for number in $(seq 1 $many); do
        lyft oldmany "10.2.$((number / 250)).$((number % 250 + 1))"
    done
}

write_zones() {
    mkdir "$work/zones"
    cat >"$work/zones/service.local.zone" <<'ZONE'
$TTL 3600
@       IN SOA  ns hostmaster ( 1 4h 1h 1w 5 )
        IN NS   ns
gateway IN A    10.9.0.1
        IN AAAA fd00::9
docs    IN CNAME gateway
*.apps  IN A    10.9.0.2
note    IN TXT  "one text" "and another"
ZONE
    cat >"$work/zones/example.test.zone" <<'ZONE'
$TTL 60
@       IN SOA  ns hostmaster ( 7 4h 1h 1w 5 )
        IN NS   ns
ns      IN A    127.0.0.1
mail    IN MX   10 ns
ZONE
}

# ---- one question, three tools ----

# Prints an answer of a tool. $1 the tool, $2 how to ask: 512, 1232 or tcp; $3 the name, $4 the type, then options.
ask() {
    local tool=$1 how=$2 name=$3 type=$4
    shift 4
    case $tool:$how in
    dig:512) set -- +noedns "$@" ;;
    dig:1232 | kdig:1232) set -- +bufsize=1232 "$@" ;;
    dig:tcp | kdig:tcp) set -- +tcp "$@" ;;
    kdig:512) set -- +noedns "$@" ;;
    drill:512) set -- "$@" ;;
    drill:1232) set -- -b 1232 "$@" ;;
    drill:tcp) set -- -t "$@" ;;
    esac
    case $tool in
    dig) dig "@$dns_address" -p "$dns_port" +tries=1 +time=5 "$name" "$type" "$@" ;;
    kdig) kdig "@$dns_address" -p "$dns_port" +retry=0 +time=5 "$name" "$type" "$@" ;;
    drill) drill -p "$dns_port" "$@" "$name" "@$dns_address" "$type" ;;
    esac 2>&1 </dev/null || true
}

# The lines in which a tool complains. Three are none: two that dig has for every name below .local, and one for every
# server that does not resolve for others. A retry over TCP is as it should be.
complaints() {
    grep -vE 'WARNING: \.local is reserved for Multicast DNS|testing what happens when an mDNS query is leaked' |
        grep -vE 'WARNING: recursion requested but not available|[Tt]runcated.*retrying (in|over) TCP' |
        grep -vE '^[^;]' |
        sed 's/NOERROR//g' |
        grep -iE 'warning|malformed|extra bytes|\bbad\b|truncated|error|mismatch|unexpected|timed out|unreachable|no servers|failed' ||
        true
}

# $1 name, $2 type, $3 response code, $4 number of records in the answer; asked in nine ways.
expect() {
    local name=$1 type=$2 rcode=$3 count=$4 tool how
    for tool in $tools; do
        for how in 512 1232 tcp; do
            # drill does not ask again over TCP by itself without EDNS; what it does then is in `expect_truncated`.
            [ "$tool:$count:$how" = "drill:$many:512" ] || [ "$tool:$count:$how" = "drill:$many:1232" ] && continue
            judge "$tool $how $name $type" "$(ask "$tool" "$how" "$name" "$type")" "$rcode" "$count"
        done
    done
}

# $1 title, $2 what the tool printed, $3 response code, $4 number of records.
judge() {
    local bad
    bad=$(complaints <<<"$2")
    if [ -n "$bad" ] || ! grep -qE "(status|rcode): $3[,;]" <<<"$2" || ! grep -q "ANSWER: $4[,;]" <<<"$2"; then
        fail "$1" "expected: $3 with $4 records and no complaint" "found: ${bad:-no complaint}" "$(head -n 30 <<<"$2")"
    else
        pass
    fi
}

# A set that does not fit says so, and no tool finds a fault in what is there.
expect_truncated() {
    local name=$1 type=$2 tool how output
    for tool in $tools; do
        for how in 512 1232; do
            case $tool in
            drill) output=$(ask drill "$how" "$name" "$type") ;;
            *) output=$(ask "$tool" "$how" "$name" "$type" +ignore) ;;
            esac
            # That it is truncated is what these tools warn of here.
            if grep -qiE '^;; flags: qr aa tc' <<<"$output" &&
                [ -z "$(complaints <<<"$output" | grep -vi truncated || true)" ]; then
                pass
            else
                fail "$tool $how $name $type is truncated" "$(head -n 30 <<<"$output")"
            fi
        done
    done
}

# ---- the questions ----

ask_for_hosts() {
    expect web.$zone A NOERROR 2
    expect WEB.Service.LOCAL A NOERROR 2
    expect web.$zone AAAA NOERROR 0
    expect web.$zone SRV NOERROR 2
    expect web.$zone TXT NOERROR 0
    expect _web._tcp.$zone SRV NOERROR 2
    expect web.default.svc.$zone SRV NOERROR 2
    expect 0a000001.addr.$zone A NOERROR 1
    expect 0a000001.addr.$zone AAAA NOERROR 0
    expect dual.$zone A NOERROR 2
    expect dual.$zone AAAA NOERROR 2
    expect dual.$zone SRV NOERROR 3
    expect v1.dual.$zone A NOERROR 1
    expect a.b.dual.$zone AAAA NOERROR 1
    expect b.dual.$zone A NOERROR 0
    expect _dual._v2.$zone SRV NOERROR 1
    expect _dual._udp.$zone SRV NOERROR 1
    expect _http._tcp.dual.$zone SRV NOERROR 2
    expect _syslog._udp.dual.$zone SRV NOERROR 1
    expect _tcp.dual.$zone SRV NOERROR 0
    expect 0a000101.addr.$zone AAAA NOERROR 1
    expect six.$zone A NOERROR 0
    expect six.$zone AAAA NOERROR 1
    expect six.$zone SRV NOERROR 1
    expect silent.$zone A NOERROR 1
    expect silent.$zone SRV NOERROR 0
    expect team.blue.svc.$zone SRV NOERROR 1
    expect team.$zone A NXDOMAIN 0
    expect old.$zone SRV NOERROR 1
    expect many.$zone A NOERROR $many
    expect many.$zone SRV NOERROR $many
    expect _many._tcp.$zone SRV NOERROR $many
    expect many.$zone AAAA NOERROR 0
    expect oldmany.$zone A NOERROR $many
    expect oldmany.$zone SRV NOERROR $many
    expect_truncated many.$zone A
    expect_truncated many.$zone SRV
    expect_truncated oldmany.$zone SRV
}

ask_for_the_rest() {
    expect $zone SOA NOERROR 1
    expect $zone NS NOERROR 1
    expect ns.$zone A NOERROR 1
    expect svc.$zone A NOERROR 0
    expect addr.$zone A NOERROR 0
    expect nothing.$zone A NXDOMAIN 0
    expect v9.web.$zone SRV NXDOMAIN 0
    expect _nothing._tcp.$zone SRV NXDOMAIN 0
    expect 0a0000ff.addr.$zone A NXDOMAIN 0
    expect gateway.$zone A NOERROR 1
    expect gateway.$zone AAAA NOERROR 1
    expect docs.$zone A NOERROR 2
    expect docs.$zone CNAME NOERROR 1
    expect any.apps.$zone A NOERROR 1
    expect note.$zone TXT NOERROR 1
    expect mail.example.test MX NOERROR 1
    expect nothing.example.test A NXDOMAIN 0
    expect example.com A REFUSED 0
}

# $1 title, $2 what the tool printed, then extended patterns of which each must match a line.
expect_lines() {
    local title=$1 output=$2 pattern
    shift 2
    for pattern in "$@"; do
        if ! grep -qE -- "$pattern" <<<"$output"; then
            fail "$title" "expected a line: $pattern" "$(head -n 30 <<<"$output")"
            return
        fi
    done
    pass
}

# Options of EDNS and names of class CH, by the tools that have them. The server has an NSID.
ask_for_options() {
    local name=ns.$zone how
    if command -v dig >/dev/null; then
        for how in 1232 tcp; do
            expect_lines "dig $how +cookie" "$(ask dig $how $name A +cookie)" 'status: NOERROR' 'COOKIE: [0-9a-f]{48} \(good\)'
            expect_lines "dig $how +nsid" "$(ask dig $how $name A +nsid)" 'status: NOERROR' 'NSID: .*"node-1"'
        done
        expect_lines "dig +keepalive" "$(ask dig tcp $name A +keepalive)" 'TCP KEEPALIVE: 30.0 secs'
        expect_lines "dig +subnet" "$(ask dig 1232 $name A +subnet=192.0.2.0/24)" 'status: NOERROR'
        expect_lines "dig +edns=1" "$(ask dig 1232 $name A +edns=1 +noednsnegotiation)" 'status: BADVERS' 'version: 0'
        expect_lines "dig +ednsopt" "$(ask dig 1232 $name A +ednsopt=65001:00ff)" 'status: NOERROR' 'ANSWER: 1'
        expect_lines "dig of a short cookie" "$(ask dig 1232 $name A +cookie=1122334455)" 'status: FORMERR' 'EDNS: version: 0'
        expect_lines "dig +header-only" "$(ask dig 1232 $name A +header-only +cookie)" 'status: NOERROR' 'QUERY: 0' 'COOKIE: .*good'
    fi
    if command -v kdig >/dev/null; then
        expect_lines "kdig +nsid" "$(ask kdig 1232 $name A +nsid)" 'NSID: .*node-1'
        expect_lines "kdig +cookie" "$(ask kdig 1232 $name A +cookie)" 'COOKIE: [0-9a-fA-F]{48}'
    fi
    for tool in $tools; do
        expect_lines "$tool CH id.server" "$(ask "$tool" 1232 id.server TXT $(class_ch "$tool"))" 'id\.server\..*CH.*TXT.*"node-1"'
        expect_lines "$tool CH version.bind" "$(ask "$tool" tcp version.bind TXT $(class_ch "$tool"))" 'CH.*TXT.*"rollcall"'
        expect_lines "$tool CH other" "$(ask "$tool" 1232 $name TXT $(class_ch "$tool"))" '(status|rcode): REFUSED'
    done
}

# What asks for class CH.
class_ch() {
    case $1 in
    dig | kdig) echo "-c CH" ;;
    drill) echo "CH" ;;
    esac
}

# A server that wants cookies: a client that knows them gets one and asks again, another comes by TCP.
ask_with_required_cookies() {
    local name=ns.$zone
    if command -v dig >/dev/null; then
        expect_lines "dig +badcookie" "$(ask dig 1232 $name A +cookie +badcookie)" 'BADCOOKIE, retrying' 'status: NOERROR' 'ANSWER: 1'
        expect_lines "dig +nobadcookie" "$(ask dig 1232 $name A +cookie +nobadcookie)" 'status: BADCOOKIE' 'ANSWER: 0'
        expect_lines "dig +nocookie" "$(ask dig 1232 $name A +nocookie)" 'retrying in TCP' 'status: NOERROR' 'ANSWER: 1'
    fi
    if command -v kdig >/dev/null; then
        expect_lines "kdig +badcookie" "$(ask kdig 1232 $name A +cookie +badcookie)" 'status: NOERROR' 'ANSWER: 1'
        expect_lines "kdig without EDNS" "$(ask kdig 512 $name A)" '\(TCP\)' 'ANSWER: 1'
    fi
}

tools=
for tool in dig kdig drill; do
    if command -v $tool >/dev/null; then
        tools+=" $tool"
    else
        skip "$tool is missing: what it would have asked is not asked"
    fi
done
if [ -z "$tools" ] || ! command -v curl >/dev/null; then
    skip "curl or every DNS tool is missing: nothing is asked"
    exit 0
fi
write_zones
start_server ROLLCALL_ZONES_DIR="$work/zones" ROLLCALL_NSID=node-1
register few_hosts 8
register many_native $many
register many_lyft $many
ask_for_hosts
ask_for_the_rest
ask_for_options
stop_server
start_server ROLLCALL_COOKIES=require
ask_with_required_cookies
conclude
