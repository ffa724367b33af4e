#!/usr/bin/env bash
# The real Prometheus finds targets by http_sd, with the configuration of docs/prometheus.md; it takes the alert rules of
# etc/, and every expression of the dashboard. Usage: tests/clients/prometheus-sd.sh (ROLLCALL names another program).
set -euo pipefail
# shellcheck source=consul/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/consul/common.sh"
clients=$root/tests/clients
need curl jq python3
install_for prometheus prometheus
need promtool

# The configuration of the page, on free ports; sets `at`.
write_page() {
    free_port && at=http://127.0.0.1:$port
    sed -n '/^```yaml$/,/^```$/p' "$root/docs/prometheus.md" | sed '1d; /^```$/,$d' |
        sed "s/\b8500\b/${http##*:}/; s/scrape_interval: 15s/scrape_interval: 1s/; s/refresh_interval: 5s/refresh_interval: 1s/" \
            >"$work/prometheus.yml"
    cp "$root/etc/alerts.yml" "$work/alerts.yml"
}

targets() {
    curl -s --max-time 5 "$at/api/v1/targets?state=active" | jq -r '.data.activeTargets[] | select(.scrapePool == "services") |
        .labels | [.instance, .service, .host, .zone, .canary // "-"] | join(" ")' | sort | paste -sd,
}

# The label $2 that was found of the target $1, before any rule.
found() {
    curl -s --max-time 5 "$at/api/v1/targets" | jq -r ".data.activeTargets[].discoveredLabels | select(.__address__ == \"$1\")[\"__meta_rollcall_$2\"]"
}

query() {
    curl -s --max-time 5 -G "$at/api/v1/query" --data-urlencode "query=$1"
}

# Every expression of the dashboard, with its variables filled in as Grafana does.
expressions() {
    jq -r '(.panels[].targets[].expr), (.annotations.list[].expr)' "$root/etc/grafana-dashboard.json" |
        sed 's/\$job/.*/g; s/\$instance/.*/g; s/\$__rate_interval/1m/g'
}

echo "-- rules"
for checked in "check rules $root/etc/alerts.yml" "test rules $work/test.yml"; do
    sed "s|RULES|$root/etc/alerts.yml|" "$clients/alerts-test.yml" >"$work/test.yml"
    # shellcheck disable=SC2086
    promtool $checked >"$work/promtool" 2>&1 && pass || fail "promtool $checked" "$(cat "$work/promtool")"
done

echo "-- targets"
start_server
free_port && backend=$port
spawn backends python3 "$clients/backends.py" 127.0.0.1:"$backend"
register web web-1 "{\"address\":\"127.0.0.1\",\"ports\":[{\"name\":\"http\",\"port\":80},{\"name\":\"metrics\",\"port\":$backend}],
    \"zone\":\"az-a\",\"tags\":[\"canary\",\"team=blue\"],\"meta\":{\"rack.no\":\"7\"}}"
call -X POST "$http/v1/registration/web" -d ip=10.0.0.2 -d port=81 -d revision=abc -d 'tags={"az":"az-b","region":"r","instance_id":"i-2"}'
call -X PUT "$http/v1/agent/service/register" --data '{"ID":"Web-3","Name":"web","Address":"10.0.0.3","Port":82,"Check":{"TTL":"600s","Status":"critical"}}'
register six six-1 '{"address":"fd00::1","port":83}'
write_page
spawn prometheus prometheus --config.file="$work/prometheus.yml" --storage.tsdb.path="$work/prometheus.d" \
    --web.listen-address="${at#http://}" --log.level=warn
one="127.0.0.1:$backend web web-1 az-a yes" two="10.0.0.2:81 web 10.0.0.2 az-b -" three="10.0.0.3:82 web Web-3  -"
six="[fd00::1]:83 six six-1  -"
eventually "hosts of three APIs" 20 "$two,$three,$one,$six" targets
same "tags" ,canary,team=blue, "$(found "127.0.0.1:$backend" tags)"
same "a tag with a value" blue "$(found "127.0.0.1:$backend" tag_team)"
same "a pair" 7 "$(found "127.0.0.1:$backend" meta_rack_no)"
same "a host that is not healthy" critical "$(found 10.0.0.3:82 status)"
same "where it is from" consul "$(found 10.0.0.3:82 origin)"
same "Lyft's region" r "$(found 10.0.0.2:81 region)"
call -X PUT "$http/v1/hosts/web/web-1/drain" --data '{"enable":true}'
eventually "that it drains" 10 true found "127.0.0.1:$backend" draining
deregister six six-1
call -X PUT "$http/v1/agent/service/deregister/Web-3"
eventually "hosts that left" 10 "$two,$one" targets
# Prometheus takes new targets every 5 s.
register web short '{"address":"10.0.0.4","port":84,"ttl":"9s"}'
eventually "a host with a short lease" 10 "$two,10.0.0.4:84 web short  -,$one" targets
eventually "its lease ends" 20 "$two,$one" targets

echo "-- rollcall's own metrics"
eventually "the job of the rules" 10 1 eval 'query "up{job=\"rollcall\"}" | jq -r ".data.result[0].value[1]"'
eventually "every rule is evaluated" 30 "ok" eval 'curl -s "$at/api/v1/rules" | jq -r "[.data.groups[].rules[].health] | unique | join(\" \")"'
same "no alert fires of the server itself" "" "$(query 'ALERTS{alertstate="firing"}' | jq -r '.data.result[].metric.alertname')"
asked=0
while IFS= read -r expression; do
    asked=$((asked + 1))
    status=$(query "$expression" | jq -r '.status + " " + (.error // "")')
    [ "$status" = "success " ] && pass || fail "the dashboard asks $expression" "$status"
done < <(expressions)
[ "$asked" -gt 20 ] && pass || fail "the dashboard has $asked expressions"
same "Prometheus complains of nothing" "" "$(grep -v 'level=info' "$work/prometheus.log" | grep -i 'sd\|rule\|config' || true)"

echo "-- the commands of docs/prometheus.md"
# shellcheck source=page.sh
source "$clients/page.sh"
prepare() {
    [[ $1 = base=* ]] && base=$http
}
stop_server
start_server
run_page "$root/docs/prometheus.md"
conclude
