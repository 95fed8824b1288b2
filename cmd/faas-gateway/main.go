// Command faas-gateway passes requests of APIs and engines on to workers of its cluster, for
// callers whose network does not route the addresses of pods. It has no configuration but its
// flags: its certificate, and the key that its callers are known by, are in a Secret that
// engines keep.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"

	"github.com/openstack-faas/faas/cmd/internal/version"
	"github.com/openstack-faas/faas/internal/gateway"
	"github.com/openstack-faas/faas/internal/kubeclient"
	workers "github.com/openstack-faas/faas/internal/orchestrator/kubernetes"
)

// options are the flags.
type options struct {
	listen, status        string
	identity              string
	kubeconfig, namespace string
	tunnels               int
	release               time.Duration
}

func main() {
	var o options
	flag.StringVar(&o.listen, "listen", ":8443", "the `address` for APIs and engines")
	flag.StringVar(&o.status, "status", ":7080", "the `address` of /healthcheck and /metrics; empty: none")
	flag.StringVar(&o.identity, "identity", "/etc/faas-gateway", "the `folder` of tls.crt, tls.key and callers.pub")
	flag.StringVar(&o.kubeconfig, "kubeconfig", "",
		"the `file` that says where the cluster is; empty: this process runs in it")
	flag.StringVar(&o.namespace, "namespace", "faas", "the `namespace` of the workers")
	flag.IntVar(&o.tunnels, "max-tunnels", 4096, "`connections` at a time; each takes up to 60 KiB of memory")
	flag.DurationVar(&o.release, "release", 5*time.Second,
		"how `long` new connections are taken after the gateway was told to end, while services let go of it")
	asked := version.Flag(flag.CommandLine)
	flag.Parse()
	if *asked {
		if err := version.Print(os.Stdout, "faas-gateway"); err != nil {
			os.Exit(1)
		}
		return
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	if err := run(o, flag.Args(), log); err != nil {
		fmt.Fprintln(os.Stderr, "faas-gateway:", err)
		os.Exit(1)
	}
}

// startTimeout bounds the first list of pods.
const startTimeout = time.Minute

func run(o options, arguments []string, log *slog.Logger) error {
	if len(arguments) > 0 {
		return fmt.Errorf("it takes flags alone; it has %q", arguments[0])
	}
	klog.SetSlogLogger(log)
	// What follows pods and files does so until the last request has its answer.
	life, end := context.WithCancel(context.Background())
	defer end()
	working, stop := signal.NotifyContext(life, syscall.SIGTERM, os.Interrupt)
	defer stop()
	identity, err := gateway.ReadFiles(o.identity)
	if err != nil {
		return err
	}
	pods, err := followPods(life, working, o)
	if err != nil {
		return err
	}
	go identity.Follow(life, log)
	g := gateway.New(gateway.Config{
		Identity: identity, Workers: pods, MaxTunnels: o.tunnels, Release: o.release, Log: log,
	})
	// A caller that is gone without a word is found in a minute.
	lc := net.ListenConfig{KeepAliveConfig: net.KeepAliveConfig{
		Enable: true, Idle: 30 * time.Second, Interval: 10 * time.Second, Count: 3,
	}}
	listener, err := lc.Listen(life, "tcp", o.listen)
	if err != nil {
		return err
	}
	status, err := serveStatus(life, working.Done(), o.status, g)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	defer status.Close()
	log.Info("serving", "address", listener.Addr().String())
	g.Serve(working, listener, nil)
	return nil
}

func followPods(life, working context.Context, o options) (*gateway.Pods, error) {
	access, err := clientcmd.BuildConfigFromFlags("", o.kubeconfig)
	if err != nil {
		return nil, err
	}
	access.UserAgent = "openstack-faas-gateway"
	client, err := kubeclient.New(access)
	if err != nil {
		return nil, err
	}
	ready, cancel := context.WithTimeout(working, startTimeout)
	defer cancel()
	return gateway.FollowPods(life, ready, client, o.namespace, workers.AgentSelector)
}

// serveStatus answers the operator. stopping is closed when the gateway is to end: then no new
// callers are to be sent to it.
func serveStatus(
	ctx context.Context, stopping <-chan struct{}, address string, g *gateway.Gateway,
) (*http.Server, error) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	g.Register(registry)
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthcheck", func(w http.ResponseWriter, _ *http.Request) {
		select {
		case <-stopping:
			http.Error(w, "STOPPING", http.StatusServiceUnavailable)
		default:
			fmt.Fprint(w, "OK")
		}
	})
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute}
	if address == "" {
		return server, nil
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	go func() { _ = server.Serve(listener) }() // ends with Close
	return server, nil
}
