package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/openstack-faas/faas/internal/api"
	"github.com/openstack-faas/faas/internal/broker"
	"github.com/openstack-faas/faas/internal/codestore"
	"github.com/openstack-faas/faas/internal/config"
	"github.com/openstack-faas/faas/internal/dispatch"
	"github.com/openstack-faas/faas/internal/engine"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/orchestrator/local"
	"github.com/openstack-faas/faas/internal/policy"
	"github.com/openstack-faas/faas/internal/store"
)

// parts are what the embedded service is made of.
type parts struct {
	name    string // of this start of this process, in leases
	store   *store.Store
	code    *codestore.Files
	broker  *broker.InProcess
	workers *local.Orchestrator
	policy  *policy.Enforcer
}

// run serves until ctx ends, then lets what runs end within the configured time.
func run(ctx context.Context, conf *config.Standalone, log *slog.Logger) (err error) {
	p, err := assemble(ctx, conf, log)
	defer func() { err = errors.Join(err, p.close()) }()
	if err != nil {
		return err
	}
	if err := offerRuntimes(ctx, p.store, conf, log); err != nil {
		return err
	}
	work, stopEngine := context.WithCancel(context.WithoutCancel(ctx)) // the engine ends after the API
	defer stopEngine()
	eng := engine.New(p.engineConfig(conf, log))
	ended := make(chan error, 1)
	go func() { ended <- eng.Run(work) }()
	select {
	case <-eng.Ready():
		err = serveAPI(ctx, conf, p, log)
	case err := <-ended:
		return err
	}
	stopEngine()
	select {
	case engineErr := <-ended:
		return errors.Join(err, engineErr)
	case <-time.After(conf.Default.ShutdownTimeout):
		log.Warn("executions were still running when the time to stop was over; their leases will settle them")
		return err
	}
}

// assemble opens the parts. Those that it opened before an error are given with it, to be closed.
func assemble(ctx context.Context, conf *config.Standalone, log *slog.Logger) (p parts, err error) {
	p.name = conf.Default.Process() + "-" + faas.NewID()
	if err := os.MkdirAll(conf.Default.StatePath, 0o700); err != nil {
		return p, fmt.Errorf("[DEFAULT] state_path: %w", err)
	}
	if p.policy, err = policy.New(ctx, policy.Options{Dirs: conf.Policy.Dirs}); err != nil {
		return p, err
	}
	if err := store.Migrate(ctx, conf.Database.Connection); err != nil { // nobody else uses an embedded database
		return p, err
	}
	if p.store, err = store.Open(ctx, conf.Database.Connection, store.Options{Log: log}); err != nil {
		return p, err
	}
	if p.code, err = codestore.NewFiles(conf.Storage.Dir); err != nil {
		return p, err
	}
	p.broker = broker.NewInProcess()
	p.workers, err = local.New(ctx, workersConfig(conf, log))
	return p, err
}

func workersConfig(conf *config.Standalone, log *slog.Logger) local.Config {
	interpreters := map[string]string{}
	for name, path := range map[string]string{"python3": conf.Worker.Python, "nodejs": conf.Worker.Node} {
		if path != "" {
			interpreters[name] = path
		}
	}
	return local.Config{
		Dir: filepath.Join(conf.Default.StatePath, "workers"), RunDir: conf.Worker.Dir, Agent: conf.Worker.AgentPath,
		Interpreters: interpreters, Slots: conf.Engine.Concurrency, Processes: conf.Worker.Process(),
		Users: local.Users{First: conf.Worker.FirstUID, Last: conf.Worker.LastUID}, StartsAtOnce: conf.Worker.ParallelStarts, Log: log,
	}
}

// packageCache is how many bytes of packages the engine keeps in memory.
const packageCache = 64 << 20

func (p parts) engineConfig(conf *config.Standalone, log *slog.Logger) engine.Config {
	e := conf.Engine
	return engine.Config{
		Name: p.name, Store: p.store, Broker: p.broker, Code: p.code, Orchestrator: p.workers, Log: log,
		Limits: engine.Limits{
			PoolSize: e.PoolSize, PerFunction: e.MaxWorkersPerFunction, Workers: e.MaxWorkers, Idle: e.WorkerIdleTime,
			Lease: e.Lease, Reap: e.ReapInterval, AsyncParallel: e.AsyncParallel, Wait: conf.API.CallWait,
			Retention: e.ExecutionRetention, PackageGrace: e.PackageGrace, PackageCache: packageCache,
		},
	}
}

// close closes what was opened, in the order of who uses whom.
func (p parts) close() error {
	var errs []error
	if p.workers != nil {
		errs = append(errs, p.workers.Close())
	}
	if p.broker != nil {
		errs = append(errs, p.broker.Close())
	}
	if p.store != nil {
		errs = append(errs, p.store.Close())
	}
	return errors.Join(errs...)
}

// serveAPI answers requests until ctx ends, and then those that are under way.
func serveAPI(ctx context.Context, conf *config.Standalone, p parts, log *slog.Logger) error {
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "tcp", conf.API.Listen())
	if err != nil {
		return fmt.Errorf("[api] host and port: %w", err)
	}
	calls := dispatch.New(dispatch.Config{
		Client: dispatch.NewClient(p.workers.Token), Acquire: p.acquire, Wait: conf.API.CallWait, PerProject: conf.API.MaxWaiting, Log: log,
	})
	defer calls.Close()
	forget, err := p.forgetWorkers(ctx, calls)
	if err != nil {
		return err
	}
	defer forget()
	server := &http.Server{
		Handler: api.New(p.apiConfig(conf, calls, log)), ReadHeaderTimeout: 30 * time.Second, IdleTimeout: 5 * time.Minute,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	log.Info("serving", "address", listener.Addr().String(), "state_path", conf.Default.StatePath)
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	log.Info("stopping")
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), conf.Default.ShutdownTimeout)
	defer cancel()
	return server.Shutdown(grace)
}

func (p parts) apiConfig(conf *config.Standalone, calls *dispatch.Dispatcher, log *slog.Logger) api.Config {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return api.Config{
		Name: p.name, Auth: api.NewNoauth(conf.API.NoauthProject), Policy: p.policy,
		Store: p.store, Code: p.code, Broker: p.broker, Call: calls.Call, Limits: conf.Limits.Ranges(), CallWait: conf.API.CallWait,
		MaxLimit: conf.API.MaxLimit, MaxBody: conf.API.MaxBody, MaxInput: conf.API.MaxInput, PublicEndpoint: conf.API.PublicEndpoint,
		DisableByFile: conf.Health.DisableByFile, Registry: registry, ShowMetrics: conf.Metrics.Enabled, Log: log,
	}
}

// acquire asks an engine for one more worker.
func (p parts) acquire(ctx context.Context, target faas.Target, known []string) (faas.Worker, error) {
	var w faas.Worker
	err := p.broker.Call(ctx, faas.MethodAcquire, faas.AcquireRequest{Target: target, Known: known}, &w)
	return w, err
}

// forgetWorkers has the dispatcher hear of workers that ended and of functions that changed.
func (p parts) forgetWorkers(ctx context.Context, calls *dispatch.Dispatcher) (stop func(), err error) {
	ctx = context.WithoutCancel(ctx) // while requests under way end, too
	gone, err := p.broker.Subscribe(ctx, faas.TopicWorkersGone, func(body []byte) {
		var news faas.WorkersGone
		if json.Unmarshal(body, &news) == nil {
			for _, id := range news.IDs {
				calls.Forget(id)
			}
		}
	})
	if err != nil {
		return nil, err
	}
	changed, err := p.broker.Subscribe(ctx, faas.TopicFunction, func(body []byte) {
		var news faas.FunctionChanged
		if json.Unmarshal(body, &news) == nil {
			calls.ForgetFunction(news.FunctionID, news.Revision)
		}
	})
	if err != nil {
		gone()
		return nil, err
	}
	return func() { gone(); changed() }, nil
}
