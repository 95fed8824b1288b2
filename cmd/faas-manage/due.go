package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/openstack-faas/faas/internal/config"
	"github.com/openstack-faas/faas/internal/store"
)

// deadShown bounds how many items of work are listed.
const deadShown = 1000

// dueDead lists the work that was put aside because it failed too often.
func dueDead(ctx context.Context, conf *config.Manage, _ []string, out io.Writer) (err error) {
	s, err := store.Open(ctx, conf.Database.Connection, store.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	kinds, err := s.DueKinds(ctx)
	if err != nil {
		return err
	}
	dead, err := s.DeadItems(ctx, kinds, deadShown)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "KIND\tREF\tATTEMPTS\tSINCE\tLAST ERROR")
	for _, item := range dead {
		fmt.Fprintf(table, "%s\t%s\t%d\t%s\t%s\n", item.Kind, item.Ref, item.Attempts,
			item.Since.UTC().Format(time.DateTime), strings.Join(strings.Fields(item.LastError), " "))
	}
	return table.Flush()
}

// dueRetry has work of a kind done now, all of it or one item. Engines take it within seconds.
func dueRetry(ctx context.Context, conf *config.Manage, args []string, out io.Writer) (err error) {
	if len(args) != 2 {
		return errors.New("due retry needs a kind and a ref, or * for all of the kind; due dead shows them")
	}
	s, err := store.Open(ctx, conf.Database.Connection, store.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	n, err := s.RetryDue(ctx, args[0], args[1])
	if err != nil {
		return err
	}
	if n == 0 {
		return fmt.Errorf("there is no work of kind %q with ref %q; faas-manage due dead lists what there is", args[0], args[1])
	}
	_, err = fmt.Fprintf(out, "%d items of work are due now\n", n)
	return err
}
