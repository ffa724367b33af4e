#!/usr/bin/env bash
# The C libraries, glibc and musl, with the resolv.conf of a pod: search list, ndots:5, the server on port 53. Every
# name must be found, or not, at once: a look-up that takes 2 s has waited for something.
set -euo pipefail
source "$(dirname "$0")/common.sh"
need getent curl
enter_namespace "$@"
here=$(cd "$(dirname "$0")" && pwd)
in_cluster=web.default.svc.cluster.local

glibc() {
    case $2 in
    4) getent ahostsv4 "$1" ;;
    6) getent ahostsv6 "$1" | grep -v ::ffff: ;;
    *) getent ahosts "$1" ;;
    esac | awk '$2 == "STREAM" { print $1 }'
    [ "${PIPESTATUS[0]}" -eq 0 ] || echo "no such name"
}

musl() {
    if [ "$2" = both ]; then set -- "$1"; fi
    "$work/getaddrinfo" "$@"
}

# $1 the libraries, $2 name, $3 family: 4, 6 or both, $4 the addresses, sorted; or `no such name`.
finds() {
    local library found start took
    for library in $1; do
        if [ "$library" = musl ] && [ ! -x "$work/getaddrinfo" ]; then continue; fi
        start=${EPOCHREALTIME/./}
        found=$("$library" "$2" "$3" 2>&1 | sort | paste -sd' ' || true)
        took=$(((${EPOCHREALTIME/./} - start) / 1000))
        same "$library: $2, family $3" "$4" "$found"
        if [ "$took" -lt 2000 ]; then pass; else fail "$library: $2, family $3" "took $took ms"; fi
    done
}

if command -v musl-gcc >/dev/null; then
    musl-gcc -static -Wall -Wextra -Werror -o "$work/getaddrinfo" "$here/getaddrinfo.c"
else
    skip "musl-gcc is missing: only glibc looks names up"
fi
like_a_pod
replace_file /etc/nsswitch.conf <<<"hosts: files dns"
start_server
register web web-1 '{"address":"10.0.0.1","port":80}'
register web web-2 '{"address":"10.0.0.2","port":80}'
register dual dual-1 '{"addresses":["10.0.1.1","fd00::1"],"port":80}'
register six six-1 '{"address":"fd00::6","port":80}'
register team team-1 '{"address":"10.0.2.1","port":80,"namespace":"blue"}'
register_many some 25 10.3.0
register_many many 300 10.1

both="glibc musl"
for name in web.service.local web.service.local. $in_cluster $in_cluster. web.default.svc web.default web; do
    finds "$both" $name both "10.0.0.1 10.0.0.2"
    finds "$both" $name 4 "10.0.0.1 10.0.0.2"
done
finds "$both" dual.service.local both "10.0.1.1 fd00::1"
finds "$both" dual both "10.0.1.1 fd00::1"
finds "$both" dual 6 fd00::1
finds "$both" six both fd00::6
finds "$both" six.service.local both fd00::6
finds "$both" team.blue both 10.0.2.1
finds "$both" team.blue.svc.service.local both 10.0.2.1
finds "$both" WEB.Service.Local both "10.0.0.1 10.0.0.2"
finds "$both" some.service.local both "$(for number in $(seq 1 25); do echo "10.3.0.$number"; done | sort | paste -sd' ')"
for name in nothing.service.local nothing.default.svc.cluster.local no.such.name.service.local; do
    finds "$both" $name both "no such name"
done
# At last a library asks for the short name itself. The server refuses that, and musl waits for another answer: in a
# network there is a resolver in between, which says NXDOMAIN.
for name in nothing nothing.blue team; do
    finds glibc $name both "no such name"
done
# No EDNS and 300 addresses: glibc asks again over TCP. musl does so since 1.2.4.
same "glibc: 300 addresses" 300 "$(glibc many.service.local both | wc -l)"
same "glibc: 300 addresses by a short name" 300 "$(glibc many both | wc -l)"
deregister web web-2
report dual dual-1 critical
finds "$both" web.service.local both 10.0.0.1
finds "$both" dual.service.local both "no such name"
conclude
