#!/usr/bin/env bash
# Prometheus that finds its targets by DNS, with the resolv.conf of a pod: SRV, A with a port, AAAA.
set -euo pipefail
source "$(dirname "$0")/common.sh"
need prometheus curl
enter_namespace "$@"

start_prometheus() {
    cat >"$work/prometheus.yml" <<'CONF'
global:
  scrape_interval: 1h
scrape_configs:
- job_name: ports
  dns_sd_configs:
  - names: [_http._tcp.web.service.local.]
    refresh_interval: 1s
- job_name: addresses
  dns_sd_configs:
  - names: [web.service.local.]
    type: A
    port: 9100
    refresh_interval: 1s
- job_name: six
  dns_sd_configs:
  - names: [web.service.local.]
    type: AAAA
    port: 9100
    refresh_interval: 1s
- job_name: searched
  dns_sd_configs:
  - names: [_http._tcp.web.service.local]
    refresh_interval: 1s
- job_name: short
  dns_sd_configs:
  - names: [_http._tcp.web]
    refresh_interval: 1s
- job_name: shorter
  dns_sd_configs:
  - names: [web]
    type: A
    port: 9100
    refresh_interval: 1s
- job_name: many
  dns_sd_configs:
  - names: [many.service.local.]
    refresh_interval: 1s
CONF
    spawn prometheus prometheus --config.file="$work/prometheus.yml" --storage.tsdb.path="$work/prometheus.d" \
        --web.listen-address=127.0.0.1:9090 --log.level=warn
}

# The addresses of the targets of a job, sorted.
targets() {
    curl -s --max-time 5 'http://127.0.0.1:9090/api/v1/targets?state=active' | sed 's/"discoveredLabels"/\n&/g' |
        grep "\"job\":\"$1\"" | sed -n 's/.*"__address__":"\([^"]*\)".*/\1/p' | sort | paste -sd' '
}

how_many() {
    targets "$1" | wc -w
}

like_a_pod
start_server ROLLCALL_RECORD_TTL=1s ROLLCALL_NEGATIVE_TTL=1s
register web web-1 '{"addresses":["10.0.0.1","fd00::1"],"ports":[{"name":"http","port":8081}]}'
register web web-2 '{"address":"10.0.0.2","ports":[{"name":"http","port":8082}]}'
register_many many 300 10.1
start_prometheus

one=0a000001.addr.service.local:8081 two=0a000002.addr.service.local:8082
eventually "prometheus finds targets by SRV" 20 "$one $two" targets ports
eventually "prometheus finds targets by A" 10 "10.0.0.1:9100 10.0.0.2:9100" targets addresses
eventually "prometheus finds targets by AAAA" 10 "[fd00::1]:9100" targets six
eventually "prometheus finds 300 targets" 10 300 how_many many
eventually "prometheus finds them after its search list" 10 "$one $two" targets searched
eventually "prometheus finds targets by its search list" 10 2 how_many short
eventually "prometheus finds addresses by its search list" 10 "10.0.0.1:9100 10.0.0.2:9100" targets shorter
deregister web web-2
eventually "prometheus leaves a host that was deregistered" 15 "$one" targets ports
eventually "prometheus leaves it by A as well" 15 "10.0.0.1:9100" targets addresses
report web web-1 critical
eventually "prometheus finds no target" 15 "" targets ports
register web web-3 '{"address":"10.0.0.3","ports":[{"name":"http","port":8083}]}'
eventually "prometheus finds a new one" 15 0a000003.addr.service.local:8083 targets ports
conclude
