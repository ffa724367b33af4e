#!/usr/bin/env bash
# nginx that looks up, while it runs, where to pass a request on: a name in a variable, and `resolver`. It is its own
# backend as well, with one listener a host, each of which answers with its address.
set -euo pipefail
source "$(dirname "$0")/common.sh"
need nginx curl
hosts=60

# One listener for each host; nginx has no EDNS, so that 60 addresses come over TCP.
listeners() {
    local number
    for number in $(seq 1 $hosts); do
        echo "listen 127.0.1.$number:$backend_port;"
    done
}

start_nginx() {
    free_port && backend_port=$port
    free_port
    cat >"$work/nginx.conf" <<CONF
daemon off;
master_process off;
pid $work/nginx.pid;
error_log $work/nginx.error;
events { worker_connections 1024; }
http {
    access_log off;
    client_body_temp_path $work/body.d;
    proxy_temp_path $work/proxy.d;
    fastcgi_temp_path $work/fastcgi.d;
    uwsgi_temp_path $work/uwsgi.d;
    scgi_temp_path $work/scgi.d;
    resolver 127.0.0.1:$dns_port valid=1s;
    resolver_timeout 2s;
    server {
        $(listeners)
        return 200 "\$server_addr ";
    }
    server {
        listen 127.0.0.1:$port;
        location ~ ^/(?<name>.+) {
            proxy_pass http://\$name:$backend_port;
        }
    }
}
CONF
    spawn nginx nginx -p "$work" -c "$work/nginx.conf" -e "$work/nginx.error"
}

# What $2 requests for the name $1 gave: the hosts that answered and the status, each once.
reached() {
    local urls=() _
    for _ in $(seq 1 "$2"); do
        urls+=("http://127.0.0.1:$port/$1")
    done
    curl -s --max-time 5 -w '%{http_code}\n' "${urls[@]}" | grep -oE '^(127\.[0-9.]+ )?[0-9]{3}$' | sort -u | paste -sd' '
}

start_server ROLLCALL_RECORD_TTL=1s ROLLCALL_NEGATIVE_TTL=1s
for number in 1 2 3; do
    register web web-$number "{\"address\":\"127.0.1.$number\",\"port\":80}"
done
register many 1 '{"address":"127.0.1.1"}'
register_many many $hosts 127.0.1
start_nginx

eventually "nginx reaches every host" 10 "127.0.1.1 200 127.0.1.2 200 127.0.1.3 200" reached web.service.local 30
eventually "nginx reaches every host by its name in cluster.local" 5 "127.0.1.1 200 127.0.1.2 200 127.0.1.3 200" \
    reached web.default.svc.cluster.local 30
# 512 octets hold fewer than 35 addresses.
found=$(reached many.service.local 200 | tr ' ' '\n' | grep -c '^127\.' || true)
[ "$found" -gt 40 ] && pass || fail "nginx reaches hosts of a set that needs TCP" "only $found"
deregister web web-2
eventually "nginx leaves a host that was deregistered" 5 "127.0.1.1 200 127.0.1.3 200" reached web.service.local 30
report web web-3 critical
eventually "nginx leaves a critical host" 5 "127.0.1.1 200" reached web.service.local 10
deregister web web-1
eventually "nginx finds no host" 5 502 reached web.service.local 1
same "nginx finds no service" 502 "$(reached nothing.service.local 1)"
register web web-4 '{"address":"127.0.1.4","port":80}'
eventually "nginx finds the first host again" 5 "127.0.1.4 200" reached web.service.local 10
if grep -E 'wrong|invalid|unexpected|timed out|truncated' "$work/nginx.error" >"$work/complaints"; then
    fail "nginx complains" "$(head -n 5 "$work/complaints")"
else
    pass
fi
conclude
