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
	"sync"
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
// the configuration asks for. A second signal ends the process at once. At SIGHUP the log's file is
// opened anew, and the configuration is loaded anew. load loads the configuration.
func UntilSignal[C Configuration](
	load func() (C, error), run func(ctx context.Context, conf C, live *Live, log *slog.Logger) error,
) error {
	hangup := make(chan os.Signal, 1) // before all else: its usual effect is the end
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	conf, err := load()
	if err != nil {
		return err
	}
	settings := conf.Settings()
	d := settings.Default
	log, err := logging.New(logging.Options{Debug: d.Debug, JSON: d.UseJSON, File: d.LogFile})
	if err != nil {
		return err
	}
	defer log.Close()
	ctx, stop := withSignal(os.Interrupt, syscall.SIGTERM)
	defer stop()
	collectLess()
	live := &Live{now: settings}
	live.Take(func(s config.Settings) { log.SetDebug(s.Default.Debug) })
	ended := make(chan struct{})
	var heeding sync.WaitGroup
	heeding.Go(func() { heed(hangup, ended, live, conf, load, log) })
	err = run(ctx, conf, live, log.Logger)
	close(ended)
	heeding.Wait()
	if err != nil {
		log.Error("the service failed", "error", err)
	}
	return err
}

// withSignal returns a context that ends with the first of the signals. By then the next has its
// usual effect again, so that it is not lost on a process that sees the context's end.
func withSignal(signals ...os.Signal) (ctx context.Context, stop context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	came := make(chan os.Signal, 1)
	signal.Notify(came, signals...)
	go func() {
		select {
		case <-came:
		case <-ctx.Done():
		}
		signal.Stop(came)
		cancel()
	}()
	return ctx, cancel
}

// heed does what SIGHUP asks for, until the service has ended.
func heed[C Configuration](
	hangup <-chan os.Signal, ended <-chan struct{}, live *Live, conf C, load func() (C, error), log *logging.Logger,
) {
	for {
		select {
		case <-ended:
			return
		case <-hangup:
		}
		if err := log.Reopen(); err != nil {
			log.Error("the log's file cannot be opened anew; the one before stays in use", "error", err)
		}
		conf = reload(live, conf, load, log.Logger)
	}
}
