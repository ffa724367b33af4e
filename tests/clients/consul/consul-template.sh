#!/usr/bin/env bash
# consul-template writes the configuration of a proxy again whenever the instances of a service change.
set -euo pipefail
source "$(dirname "$0")/common.sh"

# $1 number of the instance, then more of the registration.
register() {
    call -X PUT "$http/v1/agent/service/register" --data "{\"ID\": \"web-$1\", \"Name\": \"web\", \"Address\": \"10.0.0.$1\",
        \"Port\": 808$1, \"Check\": {\"TTL\": \"600s\", \"Status\": \"passing\"}${2:+, $2}}"
}

# The words of a file that was written.
rendered() {
    xargs <"$work/$1"
}

need curl
find_consul_template
start
register 1 '"Tags": ["v1"], "Meta": {"zone": "a"}'
register 2 '"Tags": ["v2"]'
# shellcheck disable=SC2016
{
    echo '{{range service "web"}}{{.ID}}={{.Address}}:{{.Port}}
{{end}}' >"$work/healthy.tpl"
    echo '{{range service "web|any"}}{{.ID}}:{{.Status}}
{{end}}' >"$work/all.tpl"
    echo '{{range service "v2.web"}}{{.ID}} {{end}}{{range service "v1.web@dc1"}}{{.ID}}
{{end}}' >"$work/some.tpl"
    echo '{{range services}}{{.Name}}{{range .Tags}},{{.}}{{end}}
{{end}}' >"$work/services.tpl"
    echo '{{range nodes}}{{.Node}}={{.Address}}
{{end}}{{with node}}{{.Node.Node}}{{end}}' >"$work/nodes.tpl"
}
templates=()
for name in healthy all some services nodes; do
    templates+=(-template "$work/$name.tpl:$work/$name")
done
spawn consul-template "$consul_template" -consul-addr "127.0.0.1:$http_port" -log-level warn -wait 50ms:200ms \
    "${templates[@]}"
eventually "consul-template writes the instances" 10 "web-1=10.0.0.1:8081 web-2=10.0.0.2:8082" rendered healthy
eventually "consul-template writes instances by tag" 5 "web-2 web-1" rendered some
eventually "consul-template writes the services" 5 "consul web,v1,v2" rendered services
eventually "consul-template writes the nodes" 5 "node-1=127.0.0.1 node-1" rendered nodes
call -X PUT "$http/v1/agent/check/fail/service:web-2"
eventually "consul-template leaves a critical instance" 5 "web-1=10.0.0.1:8081" rendered healthy
eventually "consul-template writes how each is" 5 "web-1:passing web-2:critical" rendered all
call -X PUT "$http/v1/agent/check/pass/service:web-2"
eventually "consul-template finds it again" 5 "web-1=10.0.0.1:8081 web-2=10.0.0.2:8082" rendered healthy
register 3
eventually "consul-template finds a new instance" 5 "web-1=10.0.0.1:8081 web-2=10.0.0.2:8082 web-3=10.0.0.3:8083" rendered healthy
call -X PUT "$http/v1/agent/service/deregister/web-1"
call -X PUT "$http/v1/agent/service/deregister/web-2"
call -X PUT "$http/v1/agent/service/deregister/web-3"
eventually "consul-template finds none" 5 "" rendered healthy
eventually "consul-template finds the service gone" 5 "consul" rendered services
same "consul-template complains of nothing" "" "$(cat "$work/consul-template.log")"
conclude
