// Package gateway lets APIs and engines reach workers where the addresses of pods are not routed to
// them: a process in the cluster that passes requests on, to agents of workers and to nothing else.
// internal/tunnel says how a caller asks for a tunnel to a worker. In a tunnel the gateway reads no
// more than where a request and its answer end, so that it knows when a tunnel is idle: the
// worker's token, inputs and results go through it as they are, and nothing of them is kept. On
// both sides they travel by TLS, unless the caller says that the worker speaks none.
package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/openstack-faas/faas/internal/tunnel"
	"github.com/openstack-faas/faas/internal/workertls"
)

// Workers knows where workers are.
type Workers interface {
	// Address returns the host:port of a worker's agent. The error is ErrNoWorker where there is no
	// such worker, any other where that is not known.
	Address(ctx context.Context, workerID string) (string, error)
}

// ErrNoWorker says that there is no worker of an id.
var ErrNoWorker = errors.New("there is no such worker")

// Identity is who a gateway is, and whose requests it takes. Both may change while it runs.
type Identity interface {
	Certificate() *tls.Certificate
	Checker() tunnel.Checker
	// Workers knows the certificates of workers; nil: they are spoken to without TLS.
	Workers() *workertls.Roots
}

// Config is what a Gateway needs. Every field is required.
type Config struct {
	Identity Identity
	Workers  Workers
	// MaxTunnels is how many connections may be open at a time; one more is closed at once.
	MaxTunnels int
	// Release is how long new tunnels are taken after the gateway was told to end: until the
	// cluster's services send no more of them here.
	Release time.Duration
	Log     *slog.Logger
}

// Gateway passes requests on. It is safe for concurrent use.
type Gateway struct {
	cfg      Config
	tls      *tls.Config
	metrics  metrics
	opening  chan struct{} // holds a token for each connection that is not a tunnel yet
	draining atomic.Bool   // no more requests are begun

	mu      sync.Mutex
	conns   map[net.Conn]struct{} // the callers' ends, whether they are tunnels yet or not
	serving sync.WaitGroup
}

const (
	// maxOpening bounds the connections that have not proved yet that they may have a tunnel.
	maxOpening = 1024
	// openTimeout bounds how long a caller may take to ask for its tunnel, the worker's handshake
	// included.
	openTimeout = 5*time.Second + tunnel.HandshakeTimeout
)

// New makes a gateway.
func New(cfg Config) *Gateway {
	g := &Gateway{
		cfg: cfg, opening: make(chan struct{}, maxOpening), conns: map[net.Conn]struct{}{}, metrics: newMetrics(),
	}
	g.tls = &tls.Config{
		MinVersion: tls.VersionTLS13, SessionTicketsDisabled: true, DynamicRecordSizingDisabled: true,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return cfg.Identity.Certificate(), nil },
	}
	return g
}

// Draining reports whether the gateway takes no more requests.
func (g *Gateway) Draining() bool { return g.draining.Load() }

// Serve takes the listener's connections until ctx ends. Then it takes more for as long as
// Config.Release says, and after that begins no request: those under way are waited for, callers
// with another are told to ask elsewhere, and idle tunnels end when no caller uses them any more.
// It returns when there is none left, or when killed is closed.
func (g *Gateway) Serve(ctx context.Context, listener net.Listener, killed <-chan struct{}) {
	accepting := make(chan struct{})
	go func() {
		defer close(accepting)
		g.accept(listener)
	}()
	<-ctx.Done()
	g.cfg.Log.Info("stopping")
	select {
	case <-time.After(g.cfg.Release):
	case <-killed:
	}
	g.draining.Store(true)
	_ = listener.Close()
	<-accepting
	ended := make(chan struct{})
	go func() {
		g.serving.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-killed:
	}
	g.closeAll()
	<-ended
}

// accept takes connections until the listener is closed.
func (g *Gateway) accept(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil: // too many open files, say
			g.cfg.Log.Error("a connection could not be accepted", "error", err)
			time.Sleep(10 * time.Millisecond)
			continue
		}
		if !g.enter(conn) {
			g.metrics.refused.WithLabelValues("full").Inc()
			_ = conn.Close()
			continue
		}
		g.serving.Go(func() {
			defer g.leave(conn)
			g.serve(conn)
		})
	}
}

func (g *Gateway) enter(conn net.Conn) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.conns) >= g.cfg.MaxTunnels {
		return false
	}
	select {
	case g.opening <- struct{}{}:
	default:
		return false
	}
	g.conns[conn] = struct{}{}
	return true
}

func (g *Gateway) leave(conn net.Conn) {
	_ = conn.Close()
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.conns, conn)
}

func (g *Gateway) closeAll() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for conn := range g.conns {
		_ = conn.Close()
	}
}

// serve is the life of a connection.
func (g *Gateway) serve(raw net.Conn) {
	caller, worker, leg, err := g.open(raw)
	<-g.opening
	if err != nil {
		g.cfg.Log.Debug("a connection became no tunnel", "from", raw.RemoteAddr().String(), "error", err)
		return
	}
	g.metrics.open.Inc()
	defer g.metrics.open.Dec()
	if leg == tunnel.LegPassed {
		g.passOn(caller, worker)
		return
	}
	newTunnel(g, raw, caller, worker).run()
}
