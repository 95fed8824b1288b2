// Command faas-standalone is API and engine in one process on embedded parts: SQLite, a broker in
// memory, packages as files and workers as processes of this machine. It is for trying the service,
// and for running and debugging functions locally.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/openstack-faas/faas/cmd/internal/service"
	"github.com/openstack-faas/faas/cmd/internal/version"
	"github.com/openstack-faas/faas/internal/config"
)

func main() {
	conf, err := configure(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err == nil {
		err = service.UntilSignal(
			conf.Default,
			func(ctx context.Context, log *slog.Logger) error { return run(ctx, conf, log) },
		)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "faas-standalone:", err)
		os.Exit(1)
	}
}

// configure reads the command line, the environment and the configuration file. flag.ErrHelp says
// that help or the version was asked for and given.
func configure(args []string) (*config.Standalone, error) {
	flags := flag.NewFlagSet("faas-standalone", flag.ContinueOnError)
	file := flags.String("config-file", "", "the configuration file; faas-manage config sample prints one")
	listen := flags.String("listen", "", "HOST:PORT to serve the API on, over [api] host and port")
	state := flags.String("state-dir", "", "the folder of all that is kept, over [DEFAULT] state_path")
	asked := version.Flag(flags)
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	if *asked {
		return nil, errors.Join(version.Print(os.Stdout, "faas-standalone"), flag.ErrHelp)
	}
	if flags.NArg() > 0 {
		return nil, fmt.Errorf("unexpected argument %q: every option has a name", flags.Arg(0))
	}
	overrides := map[string]string{}
	if *listen != "" {
		var err error
		if overrides, err = config.ListenOverrides(*listen); err != nil {
			return nil, err
		}
	}
	if *state != "" {
		dir, err := filepath.Abs(*state)
		if err != nil {
			return nil, fmt.Errorf("--state-dir: %w", err)
		}
		overrides["DEFAULT.state_path"] = dir
	}
	var conf config.Standalone
	return &conf, config.Load(&conf, config.Sources{File: *file, Environ: os.Environ(), Overrides: overrides})
}
