// What Prometheus finds by the kubernetes_sd_configs of a file, written for one that is built without that discovery (Debian's): a list of
// targets as file_sd_configs reads it, anew with each change. It asks the API server by Prometheus' own code, as the user of a kubeconfig.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/discovery"
	"github.com/prometheus/prometheus/discovery/kubernetes"
	"github.com/prometheus/prometheus/discovery/targetgroup"
	"go.yaml.in/yaml/v2"
)

// file is the part of Prometheus' configuration that says what is found.
type file struct {
	ScrapeConfigs []struct {
		Kubernetes []*kubernetes.SDConfig `yaml:"kubernetes_sd_configs"`
	} `yaml:"scrape_configs"`
}

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: discovery PROMETHEUS.yaml KUBECONFIG TARGETS.json")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := discover(ctx, os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, "discovery:", err)
		os.Exit(1)
	}
}

func discover(ctx context.Context, path, kubeconfig, targets string) error {
	config, err := only(path)
	if err != nil {
		return err
	}
	config.KubeConfig = kubeconfig
	registry := prometheus.NewRegistry()
	metrics := config.NewDiscovererMetrics(registry, discovery.NewRefreshMetrics(registry))
	logger := slog.New(slog.NewTextHandler(os.Stderr, nil))
	found, err := config.NewDiscoverer(discovery.DiscovererOptions{Logger: logger, Metrics: metrics})
	if err != nil {
		return err
	}
	updates := make(chan []*targetgroup.Group)
	go found.Run(ctx, updates)
	return follow(ctx, updates, targets)
}

// only reads the one discovery of a file.
func only(path string) (*kubernetes.SDConfig, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var read file
	if err := yaml.Unmarshal(text, &read); err != nil {
		return nil, err
	}
	if len(read.ScrapeConfigs) != 1 || len(read.ScrapeConfigs[0].Kubernetes) != 1 {
		return nil, errors.New(path + " has not one job with one kubernetes_sd_config")
	}
	return read.ScrapeConfigs[0].Kubernetes[0], nil
}

// follow writes the targets after each update. A group takes the place of the one of the same source; one without targets is gone.
func follow(ctx context.Context, updates <-chan []*targetgroup.Group, path string) error {
	groups := map[string]*targetgroup.Group{}
	for {
		select {
		case <-ctx.Done():
			return nil
		case update := <-updates:
			for _, group := range update {
				groups[group.Source] = group
			}
			if err := write(path, groups); err != nil {
				return err
			}
		}
	}
}

type target struct {
	Targets []string          `json:"targets"`
	Labels  map[string]string `json:"labels"`
}

// write puts the whole list where the old one was at once: each target with its own labels and those of its group.
func write(path string, groups map[string]*targetgroup.Group) error {
	list := []target{}
	for _, source := range slices.Sorted(maps.Keys(groups)) {
		for _, one := range groups[source].Targets {
			labels := map[string]string{}
			for name, value := range groups[source].Labels.Merge(one) {
				labels[string(name)] = string(value)
			}
			address := labels["__address__"]
			delete(labels, "__address__")
			list = append(list, target{[]string{address}, labels})
		}
	}
	text, err := json.MarshalIndent(list, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(path+".new", text, 0o644); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
