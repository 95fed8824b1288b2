package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/openstack-faas/faas/cmd/internal/apiserver"
	"github.com/openstack-faas/faas/cmd/internal/service"
	"github.com/openstack-faas/faas/internal/config"
	"github.com/openstack-faas/faas/internal/orchestrator/local"
	"github.com/openstack-faas/faas/internal/store"
)

// run serves until ctx ends, then lets what runs end within the configured time.
func run(
	ctx context.Context, conf *config.Standalone, live *service.Live, log *slog.Logger,
) (err error) {
	listener, err := apiserver.Listen(ctx, conf.API)
	if err != nil {
		return err
	}
	defer listener.Close() // where it does not come to be served
	if isTerminal(os.Stdout) {
		greet(os.Stdout, listener.Addr(), conf.Default.AuthStrategy)
	}
	parts, workers, err := assemble(ctx, conf, live, log)
	defer func() { err = errors.Join(err, closeAll(parts, workers)) }()
	if err != nil {
		return err
	}
	if err := offerRuntimes(ctx, parts.Store, conf, log); err != nil {
		return err
	}
	work, stopEngine := context.WithCancel(context.WithoutCancel(ctx)) // the engine ends after the API
	defer stopEngine()
	eng, err := service.NewEngine(parts, workers, conf.Engine, conf.Service, log)
	if err != nil {
		return err
	}
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- service.RunEngine(work, eng, live, func() { close(ready) })
	}()
	select {
	case <-ready:
		err = apiserver.Run(ctx, parts, apiserver.Workers{Token: workers.Token}, apiConfig(conf), live, listener, log)
	case err := <-ended:
		return err
	}
	stopEngine()
	overdue := <-ended
	if errors.Is(overdue, service.ErrOverdue) { // closing the workers ends those executions
		log.Warn(overdue.Error())
		overdue = nil
	}
	return errors.Join(err, overdue)
}

// assemble opens the parts. With an error come those that were opened before it, to be closed.
func assemble(
	ctx context.Context, conf *config.Standalone, live *service.Live, log *slog.Logger,
) (p service.Parts, workers *local.Orchestrator, err error) {
	if err := os.MkdirAll(conf.Default.StatePath, 0o700); err != nil {
		return p, nil, fmt.Errorf("[DEFAULT] state_path: %w", err)
	}
	if err := store.Migrate(ctx, conf.Database.Connection); err != nil { // nobody else uses an embedded database
		return p, nil, err
	}
	if p, err = service.Open(ctx, "faas-standalone", conf.Service, live, log); err != nil {
		return p, nil, err
	}
	workers, err = local.New(ctx, workersConfig(conf, log))
	return p, workers, err
}

func closeAll(p service.Parts, workers *local.Orchestrator) error {
	var err error
	if workers != nil {
		err = workers.Close()
	}
	return errors.Join(err, p.Close())
}

// apiConfig leaves the drain time out: nothing balances between processes of which there is one.
func apiConfig(conf *config.Standalone) *config.APIService {
	c := conf.APIService
	c.API.DrainTime = 0
	return &c
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
		Users: local.Users{
			First: conf.Worker.FirstUID,
			Last:  conf.Worker.LastUID,
		}, StartsAtOnce: conf.Worker.ParallelStarts, Log: log,
	}
}
