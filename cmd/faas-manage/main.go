// Command faas-manage is the operator's tool: it makes and upgrades the database and prints a sample of the configuration.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/openstack-faas/faas/internal/config"
	"github.com/openstack-faas/faas/internal/store"
)

const usage = `usage: faas-manage [--config-file FILE] COMMAND

commands:
  db sync        make the database, or bring it up to date
  db version     print the version of the database's schema, and the one that this program needs
  config sample  print a configuration file that explains every option
  policy list    print who may do what, with the rules of the operator's own files
  policy docs    print the same of the default rules, as a page of the documentation
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Environ(), os.Stdout)
	stop()
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(os.Stdout, usage)
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "faas-manage:", err)
		os.Exit(1)
	}
}

// commands are what the tool can do, by their words.
var commands = map[string]func(ctx context.Context, conf *config.Manage, out io.Writer) error{
	"db sync":       dbSync,
	"db version":    dbVersion,
	"policy list":   policyList,
	"config sample": nil, // these need no configuration: run knows them
	"policy docs":   nil,
}

func run(ctx context.Context, args, environ []string, out io.Writer) error {
	flags := flag.NewFlagSet("faas-manage", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	file := flags.String("config-file", "", "")
	if err := flags.Parse(args); err != nil {
		return err
	}
	name := strings.Join(flags.Args(), " ")
	command, known := commands[name]
	switch {
	case name == "" || name == "help":
		return flag.ErrHelp
	case !known:
		return fmt.Errorf("there is no command %q; see faas-manage --help", name)
	case name == "config sample":
		return config.Sample(out)
	case name == "policy docs":
		return policyDocs(ctx, out)
	}
	var conf config.Manage
	if err := config.Load(&conf, config.Sources{File: *file, Environ: environ}); err != nil {
		return err
	}
	return command(ctx, &conf, out)
}

// dbSync is for every installation and upgrade, before the services start; doing it twice does no harm.
func dbSync(ctx context.Context, conf *config.Manage, out io.Writer) error {
	if err := store.Migrate(ctx, conf.Database.Connection); err != nil {
		return err
	}
	return dbVersion(ctx, conf, out)
}

func dbVersion(ctx context.Context, conf *config.Manage, out io.Writer) error {
	have, need, err := store.SchemaVersion(ctx, conf.Database.Connection)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "database schema: %d (this program: %d)\n", have, need)
	return err
}
