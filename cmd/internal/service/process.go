// Package service is what the binaries of the service share: how a process starts and ends, and how
// its parts are put together from the configuration.
package service

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/openstack-faas/faas/cmd/internal/version"
	"github.com/openstack-faas/faas/internal/config"
	"github.com/openstack-faas/faas/internal/logging"
)

// ConfigFile reads the command line of a binary whose only options are --config-file and --version.
// flag.ErrHelp says that help or the version was asked for and given.
func ConfigFile(name string, args []string) (string, error) {
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	file := flags.String(
		"config-file", "",
		"the configuration file; faas-manage config sample prints one. FAAS_SECTION_OPTION in the environment goes over it",
	)
	asked := version.Flag(flags)
	if err := flags.Parse(args); err != nil {
		return "", err
	}
	if *asked {
		return "", errors.Join(version.Print(os.Stdout, name), flag.ErrHelp)
	}
	if flags.NArg() > 0 {
		return "", fmt.Errorf("unexpected argument %q: every option has a name", flags.Arg(0))
	}
	return *file, nil
}

// UntilSignal runs the service until it is told to end by SIGTERM or SIGINT, with the logger that
// the configuration asks for. A second signal ends the process at once.
func UntilSignal(conf config.Default, run func(ctx context.Context, log *slog.Logger) error) error {
	log, closer, err := logging.New(logging.Options{Debug: conf.Debug, JSON: conf.UseJSON, File: conf.LogFile})
	if err != nil {
		return err
	}
	defer closer.Close()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // from here on a signal has its usual effect again
	if err := run(ctx, log); err != nil {
		log.Error("the service failed", "error", err)
		return err
	}
	return nil
}
