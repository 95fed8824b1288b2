// Command faas-api serves the REST API. It keeps no state: any number of them run side by side on
// one database, one message bus and one store of packages, behind whatever balances HTTP.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"

	"github.com/openstack-faas/faas/cmd/internal/apiserver"
	"github.com/openstack-faas/faas/cmd/internal/service"
	"github.com/openstack-faas/faas/internal/config"
	"github.com/openstack-faas/faas/internal/faas"
)

func main() {
	if err := start(os.Args[1:], os.Environ()); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "faas-api:", err)
		os.Exit(1)
	}
}

func start(args, environ []string) error {
	file, err := service.ConfigFile("faas-api", args)
	if err != nil {
		return err
	}
	load := func() (*config.APIService, error) {
		var conf config.APIService
		return &conf, config.Load(&conf, config.Sources{File: file, Environ: environ})
	}
	return service.UntilSignal(load, run)
}

func run(
	ctx context.Context, conf *config.APIService, live *service.Live, log *slog.Logger,
) (err error) {
	key, err := faas.NewWorkerKey(conf.Worker.TokenSecret)
	if err != nil {
		return err
	}
	parts, err := service.Open(ctx, "faas-api", conf.Service, live, log)
	defer func() { err = errors.Join(err, parts.Close()) }()
	if err != nil {
		return err
	}
	listener, err := apiserver.Listen(ctx, conf.API)
	if err != nil {
		return err
	}
	return apiserver.Run(ctx, parts, apiserver.Workers{Token: key.Token, Images: true}, conf, live, listener, log)
}
