#!/usr/bin/env bash
# blacksmith's discovery: static, by names of a zone file and of registered hosts, and by a router, nginx, whose
# configuration consul-template writes, as in its example of that. Its discovery by Consul is tried in
# consul/blacksmith.sh.
#
# Exit codes: 0 all as it should be, 1 something is not, 77 nothing was tried.
set -euo pipefail
source "$(dirname "$0")/clients.sh"
need python3 curl nginx
make_venv blacksmith blacksmith==5.1.0
find_consul_template
enter_namespace "$@"
replace_file /etc/nsswitch.conf <<<"hosts: files dns"
replace_file /etc/resolv.conf <<'CONF'
search service.local
nameserver 127.0.0.1
CONF

# What requests of blacksmith's gave. Arguments are those of ask.py.
asked() {
    "$python" "$root/tests/clients/blacksmith/ask.py" "$@" 2>&1 | tail -n 1
}

# The hosts, each a listener that answers with its address and the path, and the router.
start_nginx() {
    mkdir -p "$work/conf.d" "$work/srv"
    cat >"$work/nginx.conf" <<CONF
user root;
daemon off;
pid $work/nginx.pid;
error_log $work/nginx.error;
events {}
http {
    access_log off;
    client_body_temp_path $work/body.d;
    proxy_temp_path $work/proxy.d;
    fastcgi_temp_path $work/fastcgi.d;
    uwsgi_temp_path $work/uwsgi.d;
    scgi_temp_path $work/scgi.d;
    server {
        $(printf 'listen 127.0.1.%s:8080; ' 1 2 3 4 5)
        default_type application/json;
        return 200 '{"host": "\$server_addr", "path": "\$uri"}';
    }
    include $work/conf.d/*.conf;
}
CONF
    spawn nginx nginx -p "$work" -c "$work/nginx.conf" -e "$work/nginx.error"
}

# The router has a location for every service with the tag `api`, and a server for every host of it that is well.
start_router() {
    cat >"$work/router.ctmpl" <<'TEMPLATE'
{{ range services }}{{ if .Tags | contains "api" }}
upstream {{ .Name }} {
    least_conn;
{{ range service .Name "passing" }}    server {{ .Address }}:{{ .Port }};
{{ else }}    server 127.0.0.1:65535;
{{ end }}}
{{ end }}{{ end }}
server {
    listen 127.0.0.1:80;
    server_name router;
    root TEMPLATE_ROOT;
{{ range services }}{{ if .Tags | contains "api" }}
    location /{{ .Name }}/ {
        rewrite ^/{{ .Name }}(/.*) $1 break;
        proxy_pass http://{{ .Name }};
    }
{{ end }}{{ end }}
}
TEMPLATE
    sed -i "s|TEMPLATE_ROOT|$work/srv|" "$work/router.ctmpl"
    spawn router "$consul_template" -consul-addr "${http#http://}" -log-level warn -wait 50ms:500ms -template \
        "$work/router.ctmpl:$work/conf.d/router.conf:nginx -p $work -c $work/nginx.conf -e $work/nginx.error -s reload"
}

# How often the server was asked for what consul-template waits for.
asked_for_services() {
    curl -s "$http/metrics" | awk '/^rollcall_http_requests_total.*(catalog|health.service)/ { sum += $NF } END { print sum }'
}

# $1 service, $2 number of the host, then more of the registration.
consul_register() {
    call -X PUT "$http/v1/agent/service/register" --data "{\"ID\": \"$1-$2\", \"Name\": \"$1\", \"Address\": \"127.0.1.$2\",
        \"Port\": 8080, \"Check\": {\"TTL\": \"600s\", \"Status\": \"passing\"}, $3}"
}

mkdir -p "$work/zones"
cat >"$work/zones/service.local.zone" <<'ZONE'
$TTL 60
@ IN SOA ns hostmaster ( 1 4h 1h 1w 5 )
  IN NS ns
legacy IN A 127.0.1.1
billing IN CNAME legacy
stock IN CNAME store
*.shop IN A 127.0.1.4
ZONE
start_server ROLLCALL_ZONES_DIR="$work/zones" ROLLCALL_RECORD_TTL=0s ROLLCALL_NEGATIVE_TTL=0s \
    ROLLCALL_MINOS_CHECK_INTERVAL=1s
start_nginx
eventually "blacksmith: the hosts answer" 10 200 curl -s -o /dev/null -w '%{http_code}' http://127.0.1.1:8080/

# ---- static ----

for name in legacy billing; do
    same "blacksmith: $name, which the zone file has" 127.0.1.1 "$(asked static=http://$name.service.local:8080/v1 $name v1 4)"
done
same "blacksmith: a wildcard of the zone file" 127.0.1.4 "$(asked static=http://any.shop.service.local:8080 shop none 2)"
same "blacksmith: its short name" 127.0.1.4 "$(asked static=http://any.shop:8080 shop none 2)"
register store store-1 '{"address":"127.0.1.3","port":8080}'
same "blacksmith: the name of a registered host" 127.0.1.3 "$(asked static=http://store.service.local:8080 store none 2)"
same "blacksmith: an alias of the zone file for it" 127.0.1.3 "$(asked static=http://stock.service.local:8080 store none 2)"
deregister store store-1
unknown="ConnectError [Errno -2] Name or service not known"
same "blacksmith: a host that was deregistered" "$unknown" "$(asked static=http://stock.service.local:8080 store none 2)"
same "blacksmith: a name that is not there" "$unknown" "$(asked static=http://nothing.service.local:8080 nothing none 2)"

# ---- router ----

start_router
register router router-1 '{"address":"127.0.0.1","port":80}'
# The example registers by Consul's API, with the tag by which the router knows what is for it.
consul_register user-v1 1 '"Tags": ["api"]'
eventually "blacksmith: a host of Consul's API" 10 127.0.1.1 asked router user v1 4
call -X POST "$http/microservices/user-v1" --data '{"address":"127.0.1.2","port":8080,"endpoints":[]}'
eventually "blacksmith: a host of minos' API beside it" 10 "127.0.1.1 127.0.1.2" asked router user v1 20
register user-v1 user-3 '{"address":"127.0.1.3","port":8080,"tags":["api"]}'
eventually "blacksmith: a host of the native API beside them" 10 "127.0.1.1 127.0.1.2 127.0.1.3" asked router user v1 30
register user-v2 user-4 '{"address":"127.0.1.4","port":8080,"tags":["api"]}'
register cache cache-5 '{"address":"127.0.1.5","port":8080,"tags":["api"]}'
consul_register secret 5 '"Tags": ["internal"]'
eventually "blacksmith: another version" 10 127.0.1.4 asked router user v2 4
eventually "blacksmith: a service without a version" 10 127.0.1.5 asked router cache none 4
same "blacksmith: a service that is not for the router" 404 "$(asked router secret none 2)"
before=$(asked_for_services)
sleep 2
same "blacksmith: nothing is asked for while nothing changes" "$before" "$(asked_for_services)"
report user-v1 user-3 critical
eventually "blacksmith: a critical host is left" 10 "127.0.1.1 127.0.1.2" asked router user v1 20
call -X PUT "$http/v1/agent/service/deregister/user-v1-1"
# Of the hosts that are left the one with the tag is critical: it is the service that has it.
eventually "blacksmith: a host of Consul's API leaves" 10 127.0.1.2 asked router user v1 20
call -X DELETE "$http/microservices/user-v1"
eventually "blacksmith: no host is well" 10 502 asked router user v1 2
report user-v1 user-3 passing
eventually "blacksmith: one is well again" 10 127.0.1.3 asked router user v1 4
deregister user-v1 user-3
eventually "blacksmith: the last host leaves, and the service" 10 404 asked router user v1 2
same "blacksmith: another version stays" 127.0.1.4 "$(asked router user v2 2)"
same "blacksmith: consul-template complains of nothing" "" "$(cat "$work/router.log")"
conclude
