// Command faas-status reports whether an installation is ready for the programs beside it:
// faas-status upgrade check, as operators know it from OpenStack's other services, with the same
// exit codes and the same table.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/openstack-faas/faas/cmd/internal/version"
	"github.com/openstack-faas/faas/internal/config"
)

const usage = `usage: faas-status [--config-file FILE] upgrade check [--json]
       faas-status --version

exit codes:
  0    all is well
  1    something should be looked at
  2    something keeps the service from working
  255  the checks themselves could not be made
`

// broken is the exit code of checks that could not be made.
const broken = 255

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run returns the exit code.
func run(ctx context.Context, args, environ []string, out, complaints io.Writer) int {
	worst, err := checkUpgrade(ctx, args, environ, out)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(out, usage)
		return 0
	case err != nil:
		fmt.Fprintln(complaints, "faas-status:", err)
		return broken
	}
	return int(worst)
}

func checkUpgrade(ctx context.Context, args, environ []string, out io.Writer) (outcome, error) {
	flags := flag.NewFlagSet("faas-status", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	file := flags.String("config-file", "", "")
	asked := version.Flag(flags)
	if err := flags.Parse(args); err != nil {
		return success, err
	}
	if *asked {
		return success, version.Print(out, "faas-status")
	}
	words := flags.Args()
	write := writeTable
	if slices.Equal(words, []string{"upgrade", "check", "--json"}) {
		write, words = writeJSON, words[:2]
	}
	switch {
	case len(words) == 0, slices.Equal(words, []string{"help"}):
		return success, flag.ErrHelp
	case !slices.Equal(words, []string{"upgrade", "check"}):
		return success, errors.New("the only command is upgrade check; see faas-status --help")
	}
	var conf config.Status
	if err := config.Load(&conf, config.Sources{File: *file, Environ: environ}); err != nil {
		return success, err
	}
	results := checkAll(ctx, &conf)
	worst := success
	for _, r := range results {
		worst = max(worst, r.outcome)
	}
	return worst, write(out, results)
}
