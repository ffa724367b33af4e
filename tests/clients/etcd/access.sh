#!/usr/bin/env bash
# An etcd that does not talk to everybody: users with passwords and few rights, TLS, and TLS with a certificate of the client.
# Usage: access.sh [VERSION OF ETCD]...
set -euo pipefail
source "$(dirname "$0")/common.sh"
need curl jq dig openssl

# A node that must not become ready, and say why. $1 title, $2 what its log must have; then variables.
refused_node() {
    local title=$1 reason=$2 pid found=
    shift 2
    : >"$work/refused.log"
    env -i HOME="$work" ROLLCALL_ETCD_ENDPOINTS="$endpoints" "$@" "$ROLLCALL" serve --store etcd --http 127.0.0.1:0 --dns 127.0.0.1:0 \
        >"$work/refused.out" 2>"$work/refused.log" </dev/null &
    pid=$!
    children+=("$pid")
    for _ in $(seq 50); do
        grep -Eiq "$reason" "$work/refused.log" && found=yes && break
        sleep 0.1
    done
    if [ -n "$found" ] && ! grep -q ' ready http=' "$work/refused.log"; then
        pass
    else
        fail "$title: no word of $reason" "$(tail -n 5 "$work/refused.log")"
    fi
    if grep -q "$secret" "$work/refused.log" "$work/refused.out"; then fail "$title: the password is in the log"; else pass; fi
    kill -KILL "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
}

works() {
    use_node 1
    register web a '{"address":"10.0.0.1","port":80,"ttl":"5s"}'
    register web b '{"address":"10.0.0.2","port":80}'
    all_show "$1" 3 web.service.local "10.0.0.1 10.0.0.2"
    use_node 2
    deregister web b
    all_show "$1: b left" 3 web.service.local 10.0.0.1
    sleep 2
    call -X POST "$http/v1/hosts/web/a/renew"
    tables_equal "$1" 3
    all_show "$1: nobody renews a" 15 web.service.local ""
}

# etcd's own users. A role that has the prefixes and nothing else is enough.
try_users() {
    local place
    secret=s3cret-$RANDOM$RANDOM
    printf '%s\n' "$secret" >"$work/password"
    echo wrong >"$work/wrong"
    start_etcd 1
    {
        ctl user add root:root-password && ctl user grant-role root root
        ctl user add "rollcall:$secret" && ctl role add rollcall && ctl user grant-role rollcall rollcall
        for place in /rollcall /services /skydns; do
            ctl role grant-permission rollcall --prefix=true readwrite "$place"
        done
        ctl user add "stranger:$secret"
        ctl user add "partly:$secret" && ctl role add partly && ctl user grant-role partly partly
        for place in /rollcall /services; do
            ctl role grant-permission partly --prefix=true readwrite "$place"
        done
        ctl auth enable
    } >"$work/auth" 2>&1 || fail "$1: users cannot be made" "$(cat "$work/auth")"
    etcdctl_flags=(--user root:root-password)
    refused_node "$1: no user" "user name is empty.*set etcd_user" A=b
    refused_node "$1: a wrong password" "auth|password" ROLLCALL_ETCD_USER=rollcall ROLLCALL_ETCD_PASSWORD_FILE="$work/wrong"
    refused_node "$1: a user without rights" "permission denied .etcd_user stranger needs the right to read the prefix /rollcall/" ROLLCALL_ETCD_USER=stranger ROLLCALL_ETCD_PASSWORD_FILE="$work/password"
    refused_node "$1: a user without the right to /skydns" "etcd_user partly needs the right to read the prefix /skydns/" \
        ROLLCALL_ETCD_USER=partly ROLLCALL_ETCD_PASSWORD_FILE="$work/password"
    start_node 1 ROLLCALL_ETCD_USER=rollcall ROLLCALL_ETCD_PASSWORD_FILE="$work/password"
    start_node 2 ROLLCALL_ETCD_USER=rollcall ROLLCALL_ETCD_PASSWORD_FILE="$work/password"
    works "$1: with a user"
    # What it gave to those who said their password is forgotten with this.
    kill_member 1
    start_member 1
    sleep 1
    for _ in $(seq 50); do
        [ "$(curl -s -o /dev/null -w '%{http_code}' -X PUT "${node_urls[1]}/v1/hosts/x/x" --data '{"address":"10.0.9.1","port":80}')" = 503 ] || break
        sleep 0.1
    done
    works "$1: with a user, after a restart of etcd"
    # And so it is when the rights of anybody change.
    ctl user add late:late >/dev/null
    ctl role add late >/dev/null
    works "$1: with a user, after a change of the rights"
    if grep -q "$secret" "$work"/node-*.log; then fail "$1: the password is in a log"; else pass; fi
    stop_nodes
    stop_etcd
    etcdctl_flags=()
}

make_certificates() {
    local name usage
    mkdir -p "$work/tls"
    for name in ca other-ca; do
        openssl req -x509 -newkey rsa:2048 -nodes -keyout "$work/tls/$name.key" -out "$work/tls/$name.pem" -days 2 -subj "/CN=$name" \
            -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign 2>>"$work/openssl"
    done
    # etcd's own gateway asks etcd with the certificate of the server.
    for name in server client; do
        usage=clientAuth
        [ $name = client ] || usage=serverAuth,clientAuth
        openssl req -newkey rsa:2048 -nodes -keyout "$work/tls/$name.key" -out "$work/tls/$name.csr" -subj "/CN=$name" 2>>"$work/openssl"
        printf 'subjectAltName=IP:127.0.0.1,DNS:localhost\nextendedKeyUsage=%s\n' $usage >"$work/tls/$name.ext"
        openssl x509 -req -in "$work/tls/$name.csr" -CA "$work/tls/ca.pem" -CAkey "$work/tls/ca.key" -CAcreateserial \
            -out "$work/tls/$name.pem" -days 2 -extfile "$work/tls/$name.ext" 2>>"$work/openssl"
    done
}

# What is no client port of an etcd is named: here another member's, or another program's.
try_wrong_port() {
    local right
    secret=none-is-used
    start_etcd 1
    right=$endpoints
    endpoints=$(sed -nE 's/.*--listen-peer-urls ([^ ]+).*/\1/p' <<<"${etcd_commands[1]}")
    refused_node "$1: the port for other members" "$endpoints/? is no client port of an etcd: it says 404" A=b
    endpoints=${right/http:/https:}
    refused_node "$1: TLS to an etcd without" "URL in etcd_endpoints begins with http://" A=b
    endpoints=$right
    stop_etcd
}

# check-config looks at the files. $1 title, $2 what it must say; then variables.
refused_settings() {
    local title=$1 reason=$2 code=0
    shift 2
    env -i HOME="$work" "$@" "$ROLLCALL" check-config >"$work/checked" 2>&1 || code=$?
    same "$title" 2 "$code"
    if grep -q "$reason" "$work/checked"; then pass; else fail "$title: no word of $reason" "$(cat "$work/checked")"; fi
}

try_files() {
    local tls=$work/tls
    refused_settings "no such CA" "etcd_ca_file /nope" ROLLCALL_ETCD_CA_FILE=/nope
    refused_settings "a CA without a certificate" "etcd_ca_file /etc/passwd: holds no certificate" ROLLCALL_ETCD_CA_FILE=/etc/passwd
    refused_settings "a certificate without its key" "needs etcd_key_file" ROLLCALL_ETCD_CERT_FILE="$tls/client.pem"
    refused_settings "a key without its certificate" "needs etcd_cert_file" ROLLCALL_ETCD_KEY_FILE="$tls/client.key"
    refused_settings "a key that is none" "etcd_key_file $tls/ca.pem: holds no key" ROLLCALL_ETCD_CERT_FILE="$tls/client.pem" \
        ROLLCALL_ETCD_KEY_FILE="$tls/ca.pem"
    refused_settings "the key of another certificate" "etcd_cert_file $tls/client.pem with etcd_key_file $tls/ca.key: they do not belong together" \
        ROLLCALL_ETCD_CERT_FILE="$tls/client.pem" ROLLCALL_ETCD_KEY_FILE="$tls/ca.key"
    refused_settings "a user without a password" "etcd_password_file" ROLLCALL_ETCD_USER=ann
    : >"$work/empty" && head -n 5 "$tls/ca.pem" >"$work/cut.pem"
    refused_settings "an empty password" "etcd_password_file $work/empty: is empty" ROLLCALL_ETCD_USER=ann \
        ROLLCALL_ETCD_PASSWORD_FILE="$work/empty"
    refused_settings "a file that is cut off" "etcd_ca_file $work/cut.pem: is cut off" ROLLCALL_ETCD_CA_FILE="$work/cut.pem"
    refused_settings "no endpoint" "ROLLCALL_ETCD_ENDPOINTS: must not be empty" ROLLCALL_STORE=etcd ROLLCALL_ETCD_ENDPOINTS=
    refused_settings "SkyDNS below our own prefix" "etcd_skydns /rollcall/x and etcd_prefix /rollcall" \
        ROLLCALL_ETCD_SKYDNS=/rollcall/x
    if env -i HOME="$work" ROLLCALL_ETCD_CA_FILE="$tls/ca.pem" ROLLCALL_ETCD_CERT_FILE="$tls/client.pem" \
        ROLLCALL_ETCD_KEY_FILE="$tls/client.key" "$ROLLCALL" check-config >"$work/checked" 2>&1; then
        pass
    else
        fail "good files" "$(cat "$work/checked")"
    fi
}

try_tls() {
    local tls=$work/tls
    secret=none-is-used
    etcd_scheme=https
    etcd_flags=(--cert-file "$tls/server.pem" --key-file "$tls/server.key")
    etcdctl_flags=(--cacert "$tls/ca.pem" --cert "$tls/client.pem" --key "$tls/client.key")
    start_etcd 1
    refused_node "$1: TLS of an authority that is not known" "set etcd_ca_file" ROLLCALL_ETCD_CA_FILE="$tls/other-ca.pem"
    local right=$endpoints
    endpoints=${right/https:/http:}
    refused_node "$1: no TLS to an etcd with it" "URL in etcd_endpoints begins with https://" A=b
    endpoints=$right
    start_node 1 ROLLCALL_ETCD_CA_FILE="$tls/ca.pem"
    start_node 2 ROLLCALL_ETCD_CA_FILE="$tls/ca.pem"
    works "$1: TLS"
    stop_nodes
    stop_etcd
    etcd_flags+=(--trusted-ca-file "$tls/ca.pem" --client-cert-auth)
    start_etcd 1
    refused_node "$1: no certificate of the client" "set etcd_cert_file and etcd_key_file" ROLLCALL_ETCD_CA_FILE="$tls/ca.pem"
    start_node 1 ROLLCALL_ETCD_CA_FILE="$tls/ca.pem" ROLLCALL_ETCD_CERT_FILE="$tls/client.pem" ROLLCALL_ETCD_KEY_FILE="$tls/client.key"
    start_node 2 ROLLCALL_ETCD_CA_FILE="$tls/ca.pem" ROLLCALL_ETCD_CERT_FILE="$tls/client.pem" ROLLCALL_ETCD_KEY_FILE="$tls/client.key"
    works "$1: TLS with a certificate of the client"
    stop_nodes
    stop_etcd
    etcd_scheme=http etcd_flags=() etcdctl_flags=()
}

[ $# -gt 0 ] || set -- 3.5 3.4
make_certificates
try_files
for version in "$@"; do
    find_etcd "$version"
    try_users "$version"
    try_wrong_port "$version"
    [ "$version" != "$1" ] || try_tls "$version"
done
conclude
