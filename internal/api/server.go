// Package api is the HTTP face of the service: Qinling's v1 API and what OpenStack expects around
// one. Handlers return values and errors; adapter.go alone turns them into answers. routes.go shows
// the whole of it on one screen.
package api

import (
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/gorilla/mux"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/openstack-faas/faas/internal/broker"
	"github.com/openstack-faas/faas/internal/codestore"
	"github.com/openstack-faas/faas/internal/engineclient"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/notify"
	"github.com/openstack-faas/faas/internal/policy"
	"github.com/openstack-faas/faas/internal/quota"
	"github.com/openstack-faas/faas/internal/store"
	"github.com/openstack-faas/faas/internal/submit"
	"github.com/openstack-faas/faas/internal/swiftcode"
)

// Config is what a Server needs. Every field is required but those that say what stands in for
// them.
type Config struct {
	Name    string // of this process among its peers, in the leases of the executions that it runs
	Auth    Authenticator
	AuthURI string // the Keystone that callers without a valid token are sent to; "" for none
	Policy  *policy.Enforcer
	Store   *store.Store
	Code    codestore.Store
	Broker  broker.Broker // wakes engines for asynchronous executions
	Engines *engineclient.Client
	Caller  *engineclient.Caller // runs synchronous executions
	Limits  faas.Limits          // what a function may ask for

	Swift  *swiftcode.Source // reads objects that functions' code is from; nil: there are no such functions
	Trusts *Trusts           // how functions act for those who make them; nil: they do not

	Quotas *quota.Quotas // what projects may have; nil: anything
	Calls  *quota.Calls  // counts executions; nil: nobody does

	Notify *notify.Notifier // makes the events that other services are told; nil: they are told nothing

	Images         bool     // functions may be of container images: the orchestrator runs them
	ImagesFrom     []string // the registries, or registry/repository prefixes, that those may come from
	MaxLimit       int      // items in an answer to a list; 1000 when 0
	MaxBody        int64    // bytes of a request's body, packages apart; 2 MiB when 0
	MaxInput       int64    // bytes of an execution's input; 1 MiB when 0
	Memory         int64    // bytes that requests under way may hold together; 192 MiB when 0
	PublicEndpoint string   // base of the links in answers; "" takes what the request was sent to
	SpoolDir       string   // for packages too large for memory; "" is the system's temporary folder
	CORS           CORS     // which pages of other origins may use the API
	DisableByFile  string   // while this file exists, /healthcheck answers 503; "" for none

	Registry *prometheus.Registry // nil makes one
	Log      *slog.Logger         // nil: slog.Default()
	Now      func() time.Time     // nil: time.Now
}

// Server answers requests. It is safe for concurrent use, keeps no state and owns no goroutine.
type Server struct {
	cfg      Config
	log      *slog.Logger
	now      func() time.Time
	router   *mux.Router
	metrics  *metrics
	submit   *submit.Submitter // of asynchronous executions
	memory   *memory           // of requests under way
	pace     pace              // of who reads answers
	purging  purgeBounds       // of one request
	cors     *cors             // nil: no page of another origin may use the API
	checking chan struct{}     // a place for each package that is checked at a time
	uploads  *codestore.Places // of packages in files
	draining atomic.Bool       // Drain was called
}

// maxChecking bounds how many packages are inflated at a time for checking: it takes a core for up
// to seconds.
const maxChecking = 2

// New makes a server.
func New(cfg Config) *Server {
	cfg = cfg.withDefaults()
	s := &Server{
		cfg: cfg, log: cfg.Log, now: cfg.Now, router: mux.NewRouter().SkipClean(true),
		metrics: newMetrics(
			cfg.Registry,
		), memory: newMemory(cfg.Memory), pace: defaultPace, purging: defaultPurge, cors: newCORS(cfg.CORS),
		checking: make(chan struct{}, maxChecking), uploads: codestore.NewPlaces(),
	}
	s.submit = submit.New(
		submit.Config{Store: cfg.Store, Broker: cfg.Broker, Calls: cfg.Calls, Log: cfg.Log, Now: cfg.Now},
	)
	s.submit.Register(cfg.Registry)
	s.memory.register(cfg.Registry)
	s.mount()
	return s
}

func (c Config) withDefaults() Config {
	orElse(&c.MaxLimit, 1000)
	orElse(&c.MaxBody, 2<<20)
	orElse(&c.MaxInput, 1<<20)
	orElse(&c.Memory, 192<<20)
	orElse(&c.Log, slog.Default())
	if c.Registry == nil {
		c.Registry = prometheus.NewRegistry()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// orElse sets what is zero.
func orElse[T comparable](v *T, initial T) {
	var zero T
	if *v == zero {
		*v = initial
	}
}

var _ http.Handler = (*Server)(nil)
