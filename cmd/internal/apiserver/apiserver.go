// Package apiserver runs the API, in faas-api and faas-standalone. It is apart from the parts that
// these share with engines, so that an engine's program has neither the API nor its policies.
package apiserver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/openstack-faas/faas/cmd/internal/service"
	"github.com/openstack-faas/faas/internal/api"
	"github.com/openstack-faas/faas/internal/api/request"
	"github.com/openstack-faas/faas/internal/config"
	"github.com/openstack-faas/faas/internal/dispatch"
	"github.com/openstack-faas/faas/internal/engineclient"
	"github.com/openstack-faas/faas/internal/netio"
)

// Workers is what the API must know of the workers that engines make.
type Workers struct {
	Token  func(workerID string) string // returns what a worker is asked with
	Images bool                         // workers may be of functions' own container images
}

// Listen takes the address of the API. Whoever connects is answered once RunAPI serves.
func Listen(ctx context.Context, conf config.API) (net.Listener, error) {
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "tcp", conf.Listen())
	if err != nil {
		return nil, fmt.Errorf("[api] host and port: %w", err)
	}
	return netio.Listener(listener), nil
}

// Run answers the requests that the listener brings, and closes it. When ctx ends it has load
// balancers let go of it, and returns when the requests under way have their answers.
func Run(
	ctx context.Context, p service.Parts, workers Workers, conf *config.APIService, live *service.Live,
	listener net.Listener, log *slog.Logger,
) error {
	defer listener.Close()
	rules, stopRules, err := watchedRules(ctx, conf.Policy, live, p.Registry, log)
	if err != nil {
		return err
	}
	defer stopRules()
	engines := engineclient.New(p.Broker, p.Store.Shards())
	gateways, err := service.Gateways(conf.Worker)
	if err != nil {
		return err
	}
	agents := dispatch.NewClient(workers.Token)
	agents.Through(gateways)
	authority, err := service.Authority(conf.Worker)
	if err != nil {
		return err
	}
	if authority != nil {
		agents.Secure(authority, nil) // engines introduce workers
	}
	agents.Bound(conf.Worker.Process())
	agents.Admit(request.AwaitResult)
	calls := dispatch.New(dispatch.Config{
		Client: agents, Acquire: engines.AcquireConnecting(agents),
		Wait: conf.API.CallWait, PerProject: conf.API.MaxWaiting, Log: log,
	})
	defer calls.Close()
	calls.Register(service.PartOf(p.Registry, "api"))
	stopNews, err := engines.Follow(ctx, calls)
	if err != nil {
		return err
	}
	defer stopNews()
	ready := configOf(p, conf)
	if ready.WebhookKeys, err = service.WebhookKeys(conf.Service); err != nil {
		return err
	}
	if ready.Passwords, err = service.RegistryPasswords(conf.Worker); err != nil {
		return err
	}
	if ready.Variables, err = service.FunctionVariables(conf.Service); err != nil {
		return err
	}
	ready.Policy, ready.Registry, ready.Log, ready.Images = rules, p.Registry, log, workers.Images
	ready.Engines, ready.Caller = engines, engineclient.NewCaller(engines, calls.Call, conf.API.CallWait)
	ready.Auth, ready.AuthURI = authenticator(p, conf)
	server := api.New(ready)
	defer server.Close()
	live.Take(func(s config.Settings) { server.Adjust(s.Limits.Ranges(), s.API.WebhookLimit) })
	status, err := service.StartStatus(ctx, conf.API.Status(), conf.Metrics, p.Registry, server, log)
	if err != nil {
		return fmt.Errorf("[api] %w", err)
	}
	defer status.Stop()
	return serve(ctx, conf, live, listener, server, log)
}

// configOf returns what the API takes from the parts and the configuration as it is.
func configOf(p service.Parts, conf *config.APIService) api.Config {
	return api.Config{
		Name: p.Name, Store: p.Store, Code: p.Code, Broker: p.Broker, Notify: p.Notify,
		Swift: p.Objects.Source, Trusts: trustsOf(p, conf.Trust), Quotas: p.Quotas, Calls: p.Calls,
		Limits: conf.Limits.Ranges(), ImagesFrom: conf.API.ImagesFrom, PlainRegistries: conf.API.PlainHTTP,
		MaxLimit: conf.API.MaxLimit, MaxBody: conf.API.MaxBody, MaxInput: conf.API.MaxInput, Memory: conf.API.Memory,
		ReadTimeout:    conf.API.ReadTimeout,
		PublicEndpoint: conf.API.PublicEndpoint, CORS: pagesOf(conf.CORS),
		DisableByFile: conf.Health.DisableByFile, WebhookCalls: conf.API.WebhookLimit,
	}
}

// pagesOf returns which pages may use the API.
func pagesOf(c config.CORS) api.CORS {
	return api.CORS{
		Origins: c.Origins, Credentials: c.Credentials, Expose: c.Expose, Methods: c.Methods, Headers: c.Headers,
		MaxAge: c.MaxAge,
	}
}

// serve answers until ctx ends; then it goes on answering for the drain time, with each answer
// closing its connection, and ends.
func serve(
	ctx context.Context, conf *config.APIService, live *service.Live, listener net.Listener, handler *api.Server,
	log *slog.Logger,
) error {
	secured, err := serverTLS(conf.API, live, log)
	if err != nil {
		return err
	}
	server := &http.Server{
		TLSConfig: secured, Handler: handler, ReadHeaderTimeout: conf.API.ReadTimeout,
		IdleTimeout: 5 * time.Minute, MaxHeaderBytes: service.MaxHeader,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		// or net/http would answer OPTIONS * itself, with nothing
		DisableGeneralOptionsHandler: true,
	}
	log.Info("serving", "address", listener.Addr().String())
	failed := make(chan error, 1)
	go func() {
		if secured != nil {
			failed <- server.ServeTLS(listener, "", "")
		} else {
			failed <- server.Serve(listener)
		}
	}()
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
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), live.Shutdown())
	defer cancel()
	if err := server.Shutdown(grace); !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	log.Warn("requests were still in progress at the end of graceful_shutdown_timeout")
	return server.Close()
}
