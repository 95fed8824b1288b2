package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"time"

	"github.com/openstack-faas/faas/internal/config"
	"github.com/openstack-faas/faas/internal/store"
)

// The most that can be asked for: dates before the year 1 would be no dates, and a batch is one
// transaction.
const (
	maxAge   = 36500
	maxBatch = 100_000
)

// purge is what the words after db purge ask for.
type purge struct {
	age    int // days
	batch  int
	dryRun bool
}

func readPurge(args []string) (purge, error) {
	var p purge
	flags := flag.NewFlagSet("db purge", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.IntVar(&p.age, "age", -1, "")
	flags.IntVar(&p.batch, "batch", 1000, "")
	flags.BoolVar(&p.dryRun, "dry-run", false, "")
	if err := flags.Parse(args); err != nil {
		return p, err
	}
	switch {
	case flags.NArg() > 0:
		return p, fmt.Errorf("db purge: unexpected argument %q: every option has a name", flags.Arg(0))
	case p.age < 0 || p.age > maxAge:
		return p, fmt.Errorf("db purge: --age DAYS is required, from 0 to %d", maxAge)
	case p.batch < 1 || p.batch > maxBatch:
		return p, fmt.Errorf("db purge: --batch must be from 1 to %d", maxBatch)
	}
	return p, nil
}

// dbPurge forgets executions that ended long ago, whatever the engine's own retention says. It may
// run beside the services.
func dbPurge(ctx context.Context, conf *config.Manage, args []string, out io.Writer) (err error) {
	p, err := readPurge(args)
	if err != nil {
		return err
	}
	s, err := store.Open(ctx, conf.Database.Connection, store.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	before := time.Now().AddDate(0, 0, -p.age)
	if p.dryRun {
		n, err := s.PurgeableExecutions(ctx, before)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(
			out, "%d executions ended before %s and would be purged\n", n, before.UTC().Format(time.DateTime),
		)
		return err
	}
	total := 0
	for n := p.batch; n == p.batch; total += n {
		if n, err = s.PurgeExecutions(ctx, before, p.batch); err != nil {
			return fmt.Errorf("after %d executions were purged: %w", total, err)
		}
	}
	_, err = fmt.Fprintf(out, "%d executions that ended before %s are purged\n", total, before.UTC().Format(time.DateTime))
	return err
}
