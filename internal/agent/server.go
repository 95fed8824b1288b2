package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/openstack-faas/faas/internal/agentconfig"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/podlayout"
)

// Server is the agent beside a function's own HTTP server. It answers the same requests as Agent,
// specialisation apart.
type Server struct {
	listen   string
	peer     string // where the function's server listens, host:port
	key      faas.Key
	limits   faas.ProcessLimits
	timeouts agentconfig.Timeouts
	log      *slog.Logger
	now      func() time.Time
	gate     gate
	door     *door
	worker   *worker
	client   *http.Client
	calls    requests

	sharesNetwork bool // as Agent's
}

// NewServer makes the agent of a worker whose configuration names a server; Run is its life.
func NewServer(p podlayout.Config, workerID string, log *slog.Logger, now func() time.Time) (*Server, error) {
	checker, err := faas.NewTokenChecker(p.TokenKey, workerID)
	if err != nil {
		return nil, err
	}
	if p.Server.Port < 1 || p.Server.Port > 65535 || p.Server.Key.FunctionID == "" {
		return nil, fmt.Errorf("server: port %d or key %s is not valid", p.Server.Port, p.Server.Key)
	}
	c := agentconfig.Config{Slots: p.Slots, Limits: p.Limits, Timeouts: p.Timeouts}
	c.Fill()
	callers := &signedToken{checker: checker, now: now}
	d, err := newDoor(p, callers)
	if err != nil {
		return nil, err
	}
	return &Server{
		listen: p.Listen, peer: net.JoinHostPort("127.0.0.1", strconv.Itoa(p.Server.Port)), key: p.Server.Key,
		limits: c.Limits, timeouts: c.Timeouts, log: log, now: now,
		gate: callers, door: d, worker: newWorker(c.Slots, now),
		client: newServerClient(), sharesNetwork: true,
	}, nil
}

// Run waits for the function's server, announces the worker and serves until ctx ends; then calls
// under way are waited for.
func (s *Server) Run(ctx context.Context, announce io.Writer) error {
	control, err := listen(ctx, s.listen)
	if err != nil {
		return err
	}
	if s.sharesNetwork {
		if control, err = onlyOutside(control); err != nil {
			return err
		}
	}
	server := newFront(control, s.door, s, s.gate, s.call, s.log)
	ended := make(chan error, 1)
	go func() { ended <- server.serve() }()
	if err = s.awaitPeer(ctx); err == nil {
		s.worker.bornFor(s.key)
		err = json.NewEncoder(announce).Encode(agentconfig.Announcement{
			State: faas.WorkerSpecialised, Address: address(control),
		})
	}
	if err == nil {
		select {
		case <-ctx.Done():
		case err = <-ended:
			return err
		}
	}
	s.worker.refuse()
	timeout, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.timeouts.Drain)
	defer cancel()
	if late := server.shutdown(timeout); late != nil {
		s.log.Warn("calls were still running at the end", "error", late)
		_ = server.close()
	}
	if failed := <-ended; err == nil && !errors.Is(failed, http.ErrServerClosed) {
		err = failed
	}
	return err
}

// peerPause is the time between two looks whether the function's server listens.
const peerPause = 25 * time.Millisecond

// awaitPeer waits until the function's server accepts connections. Its image may still be on its
// way.
func (s *Server) awaitPeer(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.timeouts.Start)
	defer cancel()
	dialer := net.Dialer{Timeout: time.Second}
	for {
		conn, err := dialer.DialContext(ctx, "tcp", s.peer)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the function's server does not listen on %s: %w", s.peer, errors.Join(ctx.Err(), err))
		case <-time.After(peerPause):
		}
	}
}

// ServeHTTP answers the requests of API, engine and kubelet.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header()["Date"] = nil
	if r.URL.Path == podlayout.ReadyPath {
		serveReady(w, s.worker, s.door)
		return
	}
	if s.door.serve(w, r) {
		return
	}
	if !authorised(r, s.gate) {
		refuse(w, http.StatusForbidden, faas.RefusedToken, "")
		return
	}
	switch r.Method + " " + r.URL.Path {
	case "POST /v1/call":
		serveCall(w, r, s.call)
	case "POST /v1/cancel":
		serveCancel(w, r, s.calls.cancel)
	case "POST /v1/specialise":
		refuse(w, http.StatusConflict, faas.RefusedClaimed, "")
	case "POST /v1/drain":
		serveDrain(w, r, s.worker)
	case "GET /v1/status":
		answer(w, s.worker.status())
	default:
		refuse(w, http.StatusNotFound, "unknown", "there is no "+r.Method+" "+r.URL.Path)
	}
}

// call runs a call to its end, or refuses it before anything of it has begun.
func (s *Server) call(c faas.Call) (out faas.Outcome, refused string) {
	if _, refused := s.worker.acquire(c.Key); refused != "" {
		return out, refused
	}
	defer s.worker.release(nil)
	begun := s.now()
	out = s.ask(c)
	out.Duration = s.now().Sub(begun)
	return out, ""
}

// bornFor makes the worker a function's that was never anybody's.
func (w *worker) bornFor(key faas.Key) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.warm, w.claiming, w.owner = true, true, &faas.Specialisation{Key: key}
	w.since = w.now()
}
