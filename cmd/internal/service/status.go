package service

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/openstack-faas/faas/internal/config"
)

// Status is where an engine, which serves no API, can be asked how it is: GET /healthcheck and, if metrics are on, GET /metrics.
type Status struct {
	ready  atomic.Bool
	parts  Parts
	server *http.Server
}

// StartStatus serves it until Stop, or nothing at all when the configuration names no port.
func StartStatus(ctx context.Context, p Parts, conf config.Engine, metrics config.Metrics, log *slog.Logger) (*Status, error) {
	s := &Status{parts: p}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthcheck", s.healthcheck)
	if metrics.Enabled {
		registry := newRegistry()
		p.Notify.Register(registry)
		mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	}
	s.server = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug)}
	if conf.StatusPort == 0 {
		return s, nil
	}
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "tcp", net.JoinHostPort(conf.StatusHost, strconv.Itoa(conf.StatusPort)))
	if err != nil {
		return nil, fmt.Errorf("[engine] status_host and status_port: %w", err)
	}
	go func() { _ = s.server.Serve(listener) }() // ends with Stop
	return s, nil
}

// Ready tells that the engine works.
func (s *Status) Ready() { s.ready.Store(true) }

// Stop ends the server.
func (s *Status) Stop() { _ = s.server.Close() }

// statusPatience is how long the database may take to answer before it counts as away.
const statusPatience = 2 * time.Second

func (s *Status) healthcheck(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), statusPatience)
	defer cancel()
	switch {
	case !s.ready.Load():
		http.Error(w, "STARTING", http.StatusServiceUnavailable)
	case s.parts.Store.Ping(ctx) != nil:
		http.Error(w, "DATABASE UNAVAILABLE", http.StatusServiceUnavailable)
	default:
		fmt.Fprint(w, "OK")
	}
}
