// Command faas-engine keeps the workers: it fills the pools of the runtimes, makes workers the
// functions' own, grows and shrinks their number, runs asynchronous executions, and repairs what a
// dead process left behind. Several run side by side and share the work.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"

	"github.com/openstack-faas/faas/cmd/internal/service"
	"github.com/openstack-faas/faas/internal/config"
)

func main() {
	if err := start(os.Args[1:], os.Environ()); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "faas-engine:", err)
		os.Exit(1)
	}
}

func start(args, environ []string) error {
	file, err := service.ConfigFile("faas-engine", args)
	if err != nil {
		return err
	}
	load := func() (*config.EngineService, error) {
		var conf config.EngineService
		return &conf, config.Load(&conf, config.Sources{File: file, Environ: environ})
	}
	return service.UntilSignal(load, run)
}

func run(
	ctx context.Context, conf *config.EngineService, live *service.Live, log *slog.Logger,
) (err error) {
	parts, err := service.Open(ctx, "faas-engine", conf.Service, live, log)
	defer func() {
		if !errors.Is(err, service.ErrOverdue) {
			err = errors.Join(err, parts.Close())
		}
	}()
	if err != nil {
		return err
	}
	health := service.NewEngineHealth(parts)
	status, err := service.StartStatus(ctx, conf.Engine.Status(), conf.Metrics, parts.Registry, health, log)
	if err != nil {
		return fmt.Errorf("[engine] %w", err)
	}
	defer status.Stop()
	workers, err := newWorkers(ctx, parts, conf, health, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, workers.Close()) }()
	eng, err := service.NewEngine(parts, workers, conf.Engine, conf.Service, log)
	if err != nil {
		return err
	}
	return service.RunEngine(ctx, eng, live, func() {
		health.Ready()
		log.Info("engine works", "name", parts.Name)
	})
}
