// Command faas-standalone is API and engine in one process on embedded parts: SQLite, a broker in
// memory, packages as files and workers as processes of this machine. It is for trying the service,
// and for running and debugging functions locally.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/openstack-faas/faas/cmd/internal/service"
	"github.com/openstack-faas/faas/cmd/internal/version"
	"github.com/openstack-faas/faas/internal/config"
)

func main() {
	sources, err := configure(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err == nil {
		load := func() (*config.Standalone, error) {
			var conf config.Standalone
			return &conf, config.Load(&conf, sources)
		}
		err = service.UntilSignal(load, run)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "faas-standalone:", err)
		os.Exit(1)
	}
}

// configure reads the command line, and returns where the configuration is from. flag.ErrHelp says
// that help or the version was asked for and given.
func configure(args []string) (sources config.Sources, err error) {
	flags := flag.NewFlagSet("faas-standalone", flag.ContinueOnError)
	file := flags.String("config-file", "", "the configuration file; faas-manage config sample prints one")
	listen := flags.String("listen", "", "HOST:PORT to serve the API on, over [api] host and port")
	state := flags.String("state-dir", "", "the folder of all that is kept, over [DEFAULT] state_path")
	asked := version.Flag(flags)
	if err := flags.Parse(args); err != nil {
		return sources, err
	}
	if *asked {
		return sources, errors.Join(version.Print(os.Stdout, "faas-standalone"), flag.ErrHelp)
	}
	if flags.NArg() > 0 {
		return sources, fmt.Errorf("unexpected argument %q: every option has a name", flags.Arg(0))
	}
	overrides := map[string]string{}
	if *listen != "" {
		if overrides, err = config.ListenOverrides(*listen); err != nil {
			return sources, err
		}
	}
	if *state != "" {
		dir, err := filepath.Abs(*state)
		if err != nil {
			return sources, fmt.Errorf("--state-dir: %w", err)
		}
		overrides["DEFAULT.state_path"] = dir
	}
	return config.Sources{File: *file, Environ: os.Environ(), Overrides: overrides}, nil
}
