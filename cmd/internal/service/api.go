package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/openstack-faas/faas/internal/api"
	"github.com/openstack-faas/faas/internal/config"
	"github.com/openstack-faas/faas/internal/dispatch"
	"github.com/openstack-faas/faas/internal/policy"
)

// APISections are the API's configuration.
type APISections struct {
	Default config.Default
	API     config.API
	Limits  config.ResourceLimits
	Worker  config.Worker
	Policy  config.Policy
	CORS    config.CORS
	Auth    config.Authtoken
	Trust   config.Trust
	Health  config.HealthCheck
	Metrics config.Metrics
	Images  bool // functions may be of container images: the engines' orchestrator runs them
}

// RunAPI answers requests until ctx ends, then lets go of its load balancers, and ends when the requests under way have their answers.
// token gives the tokens of workers.
func RunAPI(ctx context.Context, p Parts, token func(workerID string) string, conf APISections, log *slog.Logger) error {
	registry := newRegistry()
	p.Notify.Register(registry)
	rules, stopRules, err := watchedRules(ctx, conf.Policy, registry, log)
	if err != nil {
		return err
	}
	defer stopRules()
	client := dispatch.NewClient(token)
	client.Bound(conf.Worker.Process())
	calls := dispatch.New(dispatch.Config{
		Client: client, Acquire: p.acquire, Wait: conf.API.CallWait, PerProject: conf.API.MaxWaiting, Log: log,
	})
	defer calls.Close()
	forget, err := p.forgetWorkers(ctx, calls)
	if err != nil {
		return err
	}
	defer forget()
	server := api.New(p.apiConfig(conf, rules, calls, registry, log))
	return serve(ctx, conf, server, log)
}

func (p Parts) apiConfig(conf APISections, rules *policy.Enforcer, calls *dispatch.Dispatcher, registry *prometheus.Registry, log *slog.Logger) api.Config {
	who, uri := p.authenticator(conf, registry)
	return api.Config{
		Name: p.Name, Auth: who, AuthURI: uri, Policy: rules,
		Store: p.Store, Code: p.Code, Broker: p.Broker, Notify: p.Notify, Call: p.caller(calls, conf.API.CallWait), Limits: conf.Limits.Ranges(), CallWait: conf.API.CallWait,
		Images: conf.Images, ImagesFrom: conf.API.ImagesFrom,
		MaxLimit: conf.API.MaxLimit, MaxBody: conf.API.MaxBody, MaxInput: conf.API.MaxInput, PublicEndpoint: conf.API.PublicEndpoint,
		Swift: p.Objects.source, Trusts: p.trustsOfAPI(conf.Trust), Quotas: p.Quotas, Calls: p.Calls, CORS: pagesOf(conf.CORS),
		DisableByFile: conf.Health.DisableByFile, Registry: registry, ShowMetrics: conf.Metrics.Enabled, Log: log,
	}
}

// pagesOf gives which pages may use the API.
func pagesOf(c config.CORS) api.CORS {
	return api.CORS{Origins: c.Origins, Credentials: c.Credentials, Expose: c.Expose, Methods: c.Methods, Headers: c.Headers, MaxAge: c.MaxAge}
}

// newRegistry makes a registry that tells of the process itself.
func newRegistry() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

// maxHeader bounds a request's line and headers, in bytes: two long tokens, a page's cookies and a long filter have room in it.
const maxHeader = 64 << 10

// serve listens until ctx ends; then it goes on answering for the drain time, with each answer closing its connection, and ends.
func serve(ctx context.Context, conf APISections, handler *api.Server, log *slog.Logger) error {
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "tcp", conf.API.Listen())
	if err != nil {
		return fmt.Errorf("[api] host and port: %w", err)
	}
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: 30 * time.Second, IdleTimeout: 5 * time.Minute, MaxHeaderBytes: maxHeader,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	log.Info("serving", "address", listener.Addr().String())
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	log.Info("stopping")
	handler.Drain()
	select {
	case err := <-failed:
		return err
	case <-time.After(conf.API.DrainTime):
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), conf.Default.ShutdownTimeout)
	defer cancel()
	if err := server.Shutdown(grace); !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	log.Warn("requests were still under way when the time to stop was over")
	return server.Close()
}
