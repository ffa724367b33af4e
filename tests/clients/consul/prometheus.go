// Finds targets with Prometheus' own discovery by Consul and prints those of a service, sorted, whenever they change.
// Arguments: one `consul_sd_configs` entry each, as JSON; its number stands before its lines.
package main

import (
	"context"
	"fmt"
	"os"
	"sort"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/promslog"
	"github.com/prometheus/prometheus/discovery"
	"github.com/prometheus/prometheus/discovery/consul"
	"github.com/prometheus/prometheus/discovery/targetgroup"
	"go.yaml.in/yaml/v2"
)

func main() {
	updates := make(chan string)
	for number, text := range os.Args[1:] {
		go discover(number+1, text, updates)
	}
	for update := range updates {
		fmt.Println(update)
	}
}

func discover(number int, text string, updates chan<- string) {
	settings := consul.SDConfig{}
	check(yaml.UnmarshalStrict([]byte(text), &settings))
	registry := prometheus.NewRegistry()
	metrics := settings.NewDiscovererMetrics(registry, discovery.NewRefreshMetrics(registry))
	check(metrics.Register())
	discoverer, err := settings.NewDiscoverer(discovery.DiscovererOptions{Logger: promslog.New(&promslog.Config{}), Metrics: metrics})
	check(err)
	found := make(chan []*targetgroup.Group)
	go discoverer.Run(context.Background(), found)
	for groups := range found {
		for _, group := range groups {
			updates <- fmt.Sprintf("%d %s:%s", number, group.Source, targets(group))
		}
	}
}

// The targets of a group: address, tags, health and what the instance says of itself.
func targets(group *targetgroup.Group) string {
	lines := []string{""}
	for _, target := range group.Targets {
		lines = append(lines, strings.Join([]string{
			string(target["__address__"]),
			string(target["__meta_consul_tags"]),
			string(target["__meta_consul_health"]),
			string(target["__meta_consul_service_metadata_team"]),
			string(target["__meta_consul_dc"] + group.Labels["__meta_consul_dc"]),
		}, "/"))
	}
	sort.Strings(lines[1:])
	return strings.Join(lines, " ")
}

func check(err error) {
	if err != nil {
		fmt.Println("FAILED", err)
		os.Exit(1)
	}
}
