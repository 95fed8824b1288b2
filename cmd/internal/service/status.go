package service

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/pprof"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/openstack-faas/faas/internal/config"
)

// Status is the port on which a process answers its operator, and nobody else: GET /healthcheck,
// GET /metrics if [metrics] enabled says so, and /debug/pprof if [metrics] profiling does.
type Status struct {
	server *http.Server
	ended  chan struct{}
}

// MaxHeader bounds a request's line and headers, in bytes: two long tokens, a page's cookies and a
// long filter have room in it.
const MaxHeader = 64 << 10

// StartStatus serves at the address, HOST:PORT, until Stop; "" serves nothing.
func StartStatus(
	ctx context.Context, address string, conf config.Metrics, registry prometheus.Gatherer, health http.Handler,
	log *slog.Logger,
) (*Status, error) {
	s := &Status{ended: make(chan struct{})}
	s.server = &http.Server{
		Handler: statusRoutes(conf, registry, health), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute,
		MaxHeaderBytes: MaxHeader, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	if address == "" {
		close(s.ended)
		return s, nil
	}
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("status_host and status_port: %w", err)
	}
	log.Info("serving status", "address", listener.Addr().String())
	go func() {
		defer close(s.ended)
		_ = s.server.Serve(listener) // ends with Stop
	}()
	return s, nil
}

// statusRoutes mounts what the configuration allows. The profiles are mounted one by one:
// net/http/pprof's own routes are those of the default mux, which nothing here serves.
func statusRoutes(conf config.Metrics, registry prometheus.Gatherer, health http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /healthcheck", health)
	if conf.Enabled {
		mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	}
	if conf.Profiling {
		mux.HandleFunc("GET /debug/pprof/", pprof.Index)
		mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
		mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
		mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	}
	return mux
}

// Stop ends the server.
func (s *Status) Stop() {
	_ = s.server.Close()
	<-s.ended
}

// pingTimeout is how long the database may take to answer before it counts as away.
const pingTimeout = 2 * time.Second

// EngineHealth answers GET /healthcheck for a process that serves no API.
type EngineHealth struct {
	ready atomic.Bool
	parts Parts

	mu       sync.Mutex
	problems map[string]func() error // of clusters, by their names
}

// NewEngineHealth returns one that answers 503 until Ready.
func NewEngineHealth(p Parts) *EngineHealth { return &EngineHealth{parts: p} }

// Watch has the answer say what will be trouble with a cluster, although the engine still works.
// The name is "" where there is one cluster.
func (h *EngineHealth) Watch(cluster string, problem func() error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.problems == nil {
		h.problems = map[string]func() error{}
	}
	h.problems[cluster] = problem
}

// troubles writes a line for each cluster that has any.
func (h *EngineHealth) troubles(w io.Writer) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, cluster := range slices.Sorted(maps.Keys(h.problems)) {
		if err := h.problems[cluster](); err != nil {
			fmt.Fprintf(w, "\nCLUSTER %s: %v", cluster, err)
		}
	}
}

// Ready says that the engine works.
func (h *EngineHealth) Ready() { h.ready.Store(true) }

// ServeHTTP answers 200, or 503 with the reason.
func (h *EngineHealth) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), pingTimeout)
	defer cancel()
	switch {
	case !h.ready.Load():
		http.Error(w, "STARTING", http.StatusServiceUnavailable)
	case h.parts.Store.Ping(ctx) != nil:
		http.Error(w, "DATABASE UNAVAILABLE", http.StatusServiceUnavailable)
	default:
		fmt.Fprint(w, "OK")
		h.troubles(w)
	}
}
