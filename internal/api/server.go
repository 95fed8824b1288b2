// Package api is the HTTP face of the service: Qinling's v1 API and what OpenStack expects around
// one. Handlers return values and errors; package answer alone turns them into answers. routes.go
// shows the whole of it on one screen.
package api

import (
	"cmp"
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/openstack-faas/faas/internal/api/answer"
	"github.com/openstack-faas/faas/internal/api/auth"
	"github.com/openstack-faas/faas/internal/api/fields"
	"github.com/openstack-faas/faas/internal/api/memory"
	"github.com/openstack-faas/faas/internal/api/request"
	"github.com/openstack-faas/faas/internal/api/trusts"
	"github.com/openstack-faas/faas/internal/broker"
	"github.com/openstack-faas/faas/internal/codestore"
	"github.com/openstack-faas/faas/internal/engineclient"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/notify"
	"github.com/openstack-faas/faas/internal/policy"
	"github.com/openstack-faas/faas/internal/quota"
	"github.com/openstack-faas/faas/internal/seal"
	"github.com/openstack-faas/faas/internal/store"
	"github.com/openstack-faas/faas/internal/swiftcode"
	"github.com/openstack-faas/faas/internal/tracing"
	"github.com/openstack-faas/faas/internal/webhook"
)

// Config is what a Server needs. Every field is required but those that say what stands in for
// them.
type Config struct {
	Name    string // of this process among its peers, in the leases of the executions that it runs
	Auth    auth.Authenticator
	AuthURI string // the Keystone that callers without a valid token are sent to; "" for none
	Policy  *policy.Enforcer
	Store   *store.Store
	Code    codestore.Store
	Broker  broker.Broker // wakes engines for asynchronous executions
	Engines *engineclient.Client
	Caller  *engineclient.Caller // runs synchronous executions
	Limits  faas.Limits          // what a function may ask for

	Swift  *swiftcode.Source // reads objects that functions' code is from; nil: there are no such functions
	Trusts *trusts.Config    // how functions act for those who make them; nil: they do not

	Quotas *quota.Quotas // what projects may have; nil: anything
	Calls  *quota.Calls  // counts executions; nil: nobody does

	Notify *notify.Notifier // makes the events that other services are told; nil: they are told nothing

	WebhookKeys  *webhook.Keys // of webhooks' URLs, the same for all APIs; nil: this process makes its own
	WebhookCalls int64         // a minute, of one webhook; 6000 when 0

	Images     bool     // functions may be of container images: the orchestrator runs them
	ImagesFrom []string // the registries, or registry/repository prefixes, that those may come from
	// PlainRegistries are those of them, as host or host:port, that are spoken to without TLS.
	PlainRegistries []string
	Passwords       *seal.Passwords // of private registries; nil: none are kept
	Variables       *seal.Variables // seals functions' secrets; nil: none are kept

	MaxLimit       int           // items in an answer to a list; 1000 when 0
	MaxBody        int64         // bytes of a request's body, packages apart; 2 MiB when 0
	ReadTimeout    time.Duration // how long a request's body may pause; 30 s when 0
	MaxInput       int64         // bytes of an execution's input; 1 MiB when 0
	Memory         int64         // bytes that requests under way may hold together; 192 MiB when 0
	PublicEndpoint string        // base of the links in answers; "" takes what the request was sent to
	SpoolDir       string        // for packages too large for memory; "" is the system's temporary folder
	CORS           CORS          // which pages of other origins may use the API
	DisableByFile  string        // while this file exists, /healthcheck answers 503; "" for none

	Registry *prometheus.Registry // nil makes one
	Log      *slog.Logger         // nil: slog.Default()
	Now      func() time.Time     // nil: time.Now
}

// Server answers requests. It is safe for concurrent use, keeps no state and owns no goroutine.
type Server struct {
	log       *slog.Logger
	now       func() time.Time
	handlers  *handlers
	router    *router
	responder *answer.Responder
	metrics   *metrics
	pace      answer.Pace   // of who reads answers
	stall     time.Duration // how long a request's body may pause
	cors      *cors         // nil: no page of another origin may use the API
}

// New makes a server.
func New(cfg Config) *Server {
	cfg = cfg.withDefaults()
	m, budget := newMetrics(cfg.Registry), memory.New(cfg.Memory)
	budget.Register(cfg.Registry)
	s := &Server{
		log: cfg.Log, now: cfg.Now, metrics: m, pace: answer.DefaultPace, stall: cfg.ReadTimeout, cors: newCORS(cfg.CORS),
		responder: &answer.Responder{Endpoint: answer.Endpoint(cfg.PublicEndpoint), AuthURI: cfg.AuthURI, Log: cfg.Log},
		handlers:  newHandlers(cfg, m, budget),
	}
	admission := &admission{auth: cfg.Auth, policy: cfg.Policy, memory: budget, bodies: fields.Bodies{Max: cfg.MaxBody}}
	s.router = newRouter(admission, s.responder, s.handlers.routes())
	return s
}

func (c Config) withDefaults() Config {
	c.MaxLimit = cmp.Or(c.MaxLimit, 1000)
	c.MaxBody = cmp.Or(c.MaxBody, 2<<20)
	c.ReadTimeout = cmp.Or(c.ReadTimeout, 30*time.Second)
	c.MaxInput = cmp.Or(c.MaxInput, 1<<20)
	c.Memory = cmp.Or(c.Memory, 192<<20)
	c.WebhookCalls = cmp.Or(c.WebhookCalls, 6000)
	if c.WebhookKeys == nil {
		c.WebhookKeys, _ = webhook.NewKeys(webhook.NewSigningSecret()) // long enough: cannot fail
	}
	c.Log = cmp.Or(c.Log, slog.Default())
	if c.Registry == nil {
		c.Registry = prometheus.NewRegistry()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// ServeHTTP makes an id for the request, answers it, and records it in log and metrics.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	begin := s.now()
	info := request.New(r, noRoute)
	ctx, span := tracing.StartRequest(r)
	r = r.WithContext(info.Within(ctx))
	out := &answer.Writer{ResponseWriter: w, Pace: s.pace}
	_ = http.NewResponseController(w).SetWriteDeadline(time.Time{}) // of the answer before, on the same connection
	out.Header()[request.IDHeader] = []string{info.ID}
	info.SetVersion(out, r)
	if s.handlers.health.draining.Load() {
		out.Header().Set("Connection", "close")
	}
	defer func() {
		if p := recover(); p != nil {
			s.panicked(out, r, p)
		}
		s.finished(out, r, info, s.now().Sub(begin))
		endSpan(span, r, info, out.Status)
	}()
	answer.LimitTime(out, r, s.stall)
	if s.cors.answer(out, r) {
		return
	}
	s.router.ServeHTTP(out, r)
}

// endSpan ends the span of a request, with what the access log has.
func endSpan(span tracing.Span, r *http.Request, info *request.Info, status int) {
	if !span.Recorded() {
		return
	}
	span.Name(r.Method + " " + info.Route)
	span.Set("http.request.method", r.Method)
	span.Set("http.route", info.Route)
	span.SetInt("http.response.status_code", status)
	span.Set("openstack.request_id", info.ID)
	span.Set("openstack.global_request_id", info.GlobalID)
	span.Set("openstack.project_id", info.Identity.ProjectID)
	span.Set("faas.execution_id", info.ExecutionID)
	var err error
	if status >= http.StatusInternalServerError {
		err = errors.New(http.StatusText(status))
	}
	span.End(err)
}

// Close writes what is remembered of triggers' events. Nothing is to be answered after it.
func (s *Server) Close() { s.handlers.triggerDoor.intake.Close() }

// Drain has load balancers let go of this process before it ends: from now on /healthcheck answers
// 503 and each answer closes its connection, while every request is still served.
func (s *Server) Drain() { s.handlers.health.draining.Store(true) }

// panicked answers a request whose handler failed in a way that nobody foresaw.
func (s *Server) panicked(w *answer.Writer, r *http.Request, p any) {
	if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(p) // net/http's own way to cut a connection
	}
	info := request.Of(r)
	s.log.Error(
		"a handler panicked", "request_id", info.ID, "route", info.Route, "panic", p, "stack",
		string(debug.Stack()),
	)
	if w.Status == 0 {
		s.responder.WriteError(w, r, errors.New("panic"))
	}
}

// finished counts the request and writes the access log's line.
func (s *Server) finished(w *answer.Writer, r *http.Request, info *request.Info, took time.Duration) {
	if w.Status == 0 {
		w.Status = http.StatusOK
	}
	s.metrics.request(r.Method, info.Route, w.Status, took)
	level := slog.LevelInfo
	switch {
	case w.Status == http.StatusInternalServerError:
		level = slog.LevelError
	case info.Route == "/healthcheck":
		level = slog.LevelDebug // asked every few seconds by machines
	}
	if s.log.Enabled(r.Context(), level) {
		s.log.LogAttrs(r.Context(), level, "request", attrs(info, w, r, took)...)
	}
}

var _ http.Handler = (*Server)(nil)
