// Command faas-manage is the operator's tool: it makes and upgrades the database, prepares Keystone
// and prints a sample of the configuration.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/openstack-faas/faas/cmd/internal/version"
	"github.com/openstack-faas/faas/internal/config"
	"github.com/openstack-faas/faas/internal/store"
)

const usage = `usage: faas-manage [--config-file FILE] COMMAND
       faas-manage --version

commands:
  db sync        make the database, or bring it up to date
  db finish      once all processes are of this release and none is to go back: have them do what the release
                 before does not understand, from their next start on
  db partition   divide the tables of executions by time, while they are used, in a database that had executions
                 before there were partitions; it takes twice their room meanwhile
  db version     print the version of the database's schema, and the one that this program needs
  db purge --age DAYS [--batch N] [--dry-run]
                 forget executions that ended that many days ago, N (1000) in each transaction
  cluster prepare [--cluster NAME] [--apply] [--kubeconfig FILE]
                 print what a cluster needs for an engine to use it: the workers' namespace and the engine's
                 rights; or make it, as the administrator of FILE or else of [kubernetes] magnum_cluster
  due dead       list the work that was put aside because it failed too often
  due retry KIND REF|*
                 have work of that kind done again: one item, or all
  execution stuck [--after DURATION] [--limit N]
                 list executions older than that (1m) that have not ended, and why; N (100) of those that
                 run and of those that are queued at most
  execution requeue ID [--yes]
                 have a queued execution run now, or one whose process is lost once more. Without --yes this
                 command and the next say what they would do, and do nothing
  execution settle ID --status success|failed|error|cancelled [--output TEXT] [--yes]
                 end an execution in its record
  config sample  print a configuration file that explains every option
  policy list    print who may do what, with the rules of the operator's own files
  policy docs    print the same of the default rules, as a page of the documentation
  bootstrap --public-url URL [--internal-url URL] [--admin-url URL] [--region NAME] [--dry-run]
                 make the service's user, roles, service and endpoints in Keystone, if they are
                 missing, as the administrator that --os-cloud NAME, OS_CLOUD or the other variables
                 OS_… say; the user is that of [keystone_authtoken], its password can come from
                 --password-file FILE (- is the standard input); --service-name NAME (faas)
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

// command is what the tool can do; args are what follows its words.
type command func(ctx context.Context, conf *config.Manage, args []string, out io.Writer) error

// commands are all that there are, by their words.
var commands = map[string]command{
	"db sync":      dbSync,
	"db finish":    dbFinish,
	"db partition": dbPartition,
	"db version":   dbVersion,
	"db purge":     dbPurge,
	"due dead":     dueDead,
	"due retry":    dueRetry,
	"policy list":  policyList,

	"execution stuck":   executionStuck,
	"execution requeue": executionRequeue,
	"execution settle":  executionSettle,

	"cluster prepare": clusterPrepare,
	"bootstrap":       runBootstrap,
	"config sample":   nil, // these need no configuration: run knows them
	"policy docs":     nil,
}

// withArguments are the commands that take more than their words.
var withArguments = []string{"db purge", "due retry", "cluster prepare", "bootstrap", "execution stuck",
	"execution requeue", "execution settle"}

func run(ctx context.Context, args, environ []string, out io.Writer) error {
	flags := flag.NewFlagSet("faas-manage", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	file := flags.String("config-file", "", "")
	asked := version.Flag(flags)
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *asked {
		return version.Print(out, "faas-manage")
	}
	words, rest := split(flags.Args())
	name := strings.Join(words, " ")
	does, known := commands[name]
	switch {
	case name == "" || name == "help":
		return flag.ErrHelp
	case !known:
		return unknown(words, name)
	case len(rest) > 0 && !slices.Contains(withArguments, name):
		return fmt.Errorf("%s takes no more arguments; it has %q", name, strings.Join(rest, " "))
	case name == "config sample":
		return config.Sample(out)
	case name == "policy docs":
		return policyDocs(ctx, out)
	}
	var conf config.Manage
	if err := config.Load(&conf, config.Sources{File: *file, Environ: environ}); err != nil {
		return err
	}
	return does(ctx, &conf, rest, out)
}

// split returns the command's own words, two of almost all commands, and what follows them.
func split(args []string) (words, rest []string) {
	n := min(2, len(args))
	if n > 0 && args[0] == "bootstrap" {
		n = 1
	}
	return args[:n], args[n:]
}

// unknown says which commands begin with the first word, and where there are none, where all are
// listed.
func unknown(words []string, name string) error {
	var alike []string
	for _, c := range slices.Sorted(maps.Keys(commands)) {
		if strings.HasPrefix(c, words[0]+" ") {
			alike = append(alike, "faas-manage "+c)
		}
	}
	if len(alike) == 0 {
		return fmt.Errorf("there is no command %q; see faas-manage --help", name)
	}
	return fmt.Errorf("there is no command %q; there is %s", name, strings.Join(alike, ", "))
}

// dbSync is for every installation and upgrade, before the services start; doing it twice does no
// harm.
func dbSync(ctx context.Context, conf *config.Manage, _ []string, out io.Writer) error {
	if err := store.Migrate(ctx, conf.Database.Connection); err != nil {
		return err
	}
	return dbVersion(ctx, conf, nil, out)
}

// dbFinish is the last step of an upgrade.
func dbFinish(ctx context.Context, conf *config.Manage, _ []string, out io.Writer) error {
	if err := store.FinishUpgrade(ctx, conf.Database.Connection); err != nil {
		return err
	}
	_, err := fmt.Fprintln(out, "The upgrade is finished. Restart the processes one after the other.")
	return err
}

// dbPartition may run beside the services, of this release and of the one before.
func dbPartition(ctx context.Context, conf *config.Manage, _ []string, out io.Writer) error {
	return store.PartitionRecords(ctx, conf.Database.Connection, func(said string) { fmt.Fprintln(out, said) })
}

func dbVersion(ctx context.Context, conf *config.Manage, _ []string, out io.Writer) error {
	have, need, err := store.SchemaVersion(ctx, conf.Database.Connection)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "database schema: %d (this program: %d)\n", have, need)
	return err
}
