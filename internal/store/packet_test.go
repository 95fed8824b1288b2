package store_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

// TestOnePacket counts the packets of usual calls: each operation is one.
func TestOnePacket(t *testing.T) {
	server := mariadb(t)
	direct := migrated(t)
	open(t, direct, nil)
	r := newRelay(t, server.Address())
	s := r.open(t, direct, store.Options{Writers: 1})
	defer s.Close()
	uncounted := func() faas.Execution {
		x := execution()
		x.FunctionID = "" // its count would be added in between
		return x
	}
	ctx := t.Context()
	long := strings.Repeat("long ", 1000)
	for name, operation := range map[string]func() error{
		"a start and its ending": func() error {
			x := uncounted()
			if err := s.Start(ctx, x); err != nil {
				return err
			}
			return s.Finish(ctx, x.ID, ended)
		},
		"enqueueing": func() error { return s.Enqueue(ctx, uncounted()) },
		"a start and its ending with long texts": func() error {
			x := uncounted()
			x.Input = long
			if err := s.Start(ctx, x); err != nil {
				return err
			}
			return s.Finish(ctx, x.ID, store.Ending{Status: faas.ExecutionSuccess, Result: long, Log: long})
		},
		"renewing three leases": func() error {
			return second(s.RenewLeases(ctx, "engine", []string{faas.NewID(), faas.NewID(), faas.NewID()}, time.Minute))
		},
		"a release": func() error { return second(s.Release(ctx, faas.NewID(), "engine")) },
	} {
		before := r.sent.Load()
		const times = 10
		for range times {
			fatal(t, operation())
		}
		// The three may become two batches, the first of them of one.
		if n := r.sent.Load() - before; n != times && (name != "renewing three leases" || n > 2*times) {
			t.Errorf("%s took %d packets in %d times", name, n, times)
		}
	}
}

// TestText has texts of all kinds come back as they were, though they are written into statements,
// also where a server does not take the backslash for a mark.
func TestText(t *testing.T) {
	texts := []string{
		"", "'", "''", `\`, `\'`, `\\'`, `'; DROP TABLE executions; -- `, `"'?', ?, {now}`, "a\x00b", "\x1a\r\n\t%_", "`#/*--",
		"é√😀", "\u00bf'\u00bf\\", "\xf0\x9f\x98\x80'", strings.Repeat(`\'`, 1000),
	}
	for _, mode := range []string{"", "NO_BACKSLASH_ESCAPES", "ANSI_QUOTES,NO_BACKSLASH_ESCAPES"} {
		t.Run(mode, func(t *testing.T) {
			s, err := store.Open(t.Context(), migrated(t), store.Options{Writers: 1})
			fatal(t, err)
			defer s.Close()
			fatal(t, s.OnWriter(t.Context(), "SET SESSION sql_mode = CONCAT(@@sql_mode, ',"+mode+"')"))
			for _, text := range texts {
				comesBack(t, s, text)
			}
			rows, err := s.Executions(t.Context(), faas.AnyProject(), faas.Query{})
			if err != nil || len(rows.Items) != 2*len(texts) {
				t.Errorf("%d rows, want %d, %v", len(rows.Items), 2*len(texts), err)
			}
		})
	}
}

// comesBack writes the text with a start that is joined with its ending, and with one that is not.
func comesBack(t *testing.T, s *store.Store, text string) {
	t.Helper()
	ctx := t.Context()
	for _, apart := range []bool{false, true} {
		x := execution()
		x.Input, x.UserID = text, text[:min(len(text), 255)]
		fatal(t, s.Start(ctx, x))
		if apart {
			fatal(t, second(s.SettleExpired(ctx, 1, nil))) // has starts written
		}
		fatal(t, s.Finish(ctx, x.ID, store.Ending{Status: faas.ExecutionSuccess, Result: text, Log: text}))
		got, err := s.Execution(ctx, faas.AnyProject(), x.ID)
		if err != nil || got.Input != text || got.Result != text || got.UserID != x.UserID {
			t.Errorf("%q came back as %q, %q and %q, %v", text, got.Input, got.Result, got.UserID, err)
		}
		if log, err := s.ExecutionLog(ctx, faas.AnyProject(), x.ID); err != nil || log != text {
			t.Errorf("%q came back as %q, %v", text, log, err)
		}
	}
}

// TestFailingInAPacket has several operations of one batch fail, each for a reason of its own. They
// hear of it, and the others are done once.
func TestFailingInAPacket(t *testing.T) {
	url := migrated(t)
	s, err := store.Open(t.Context(), url, store.Options{Writers: 1, WriteTimeout: time.Minute})
	fatal(t, err)
	f := newFunction(t, s)
	with := func(change func(*faas.Execution)) faas.Execution {
		x := execution()
		x.FunctionID = f.ID
		change(&x)
		return x
	}
	ctx := t.Context()
	there, running := execution(), execution()
	fatal(t, s.Enqueue(ctx, there))
	fatal(t, s.Start(ctx, running))
	fatal(t, second(s.SettleExpired(ctx, 1, nil))) // has starts written

	release := make(chan struct{})
	s.HoldCalls(ctx, release)
	var batch sync.WaitGroup
	do := func(name string, want faas.Kind, f func() error) {
		batch.Go(func() {
			if err := f(); faas.KindOf(err) != want {
				t.Errorf("%s: %v, want an error of kind %q", name, err, want)
			}
		})
	}
	for n, c := range []struct {
		want faas.Kind
		x    faas.Execution
	}{
		{"", with(func(*faas.Execution) {})},
		{faas.Conflict, there},
		{faas.Unavailable, with(func(x *faas.Execution) { x.Description = strings.Repeat("x", 5000) })},
		{faas.Unavailable, with(func(x *faas.Execution) { x.Input = "a\xffb" })},
		{"", with(func(x *faas.Execution) { x.Input = "last" })},
	} {
		do(fmt.Sprint("execution ", n), c.want, func() error { return s.Enqueue(ctx, c.x) })
	}
	do("an ending", "", func() error { return s.Finish(ctx, running.ID, ended) })
	do("an ending of nothing", faas.NotFound, func() error { return s.Finish(ctx, faas.NewID(), ended) })
	close(release)
	batch.Wait()
	rows, err := s.Executions(ctx, faas.AnyProject(), faas.Query{})
	if err != nil || len(rows.Items) != 4 {
		t.Errorf("%d rows, want 4, %v", len(rows.Items), err)
	}
	fatal(t, s.Close())
	counted(t, url, f.ID, 2)
}

// TestLargeExecutions has executions that are too large for a packet, beside small ones.
func TestLargeExecutions(t *testing.T) {
	s, err := store.Open(t.Context(), migrated(t), store.Options{WriteTimeout: time.Minute})
	fatal(t, err)
	defer s.Close()
	large := strings.Repeat(`"\'`, 5<<20/3)
	var callers sync.WaitGroup
	for n := range 24 {
		callers.Go(func() {
			x, result := execution(), "{}"
			if n%8 == 0 {
				x.Input, result = large, large
			}
			ctx := context.WithoutCancel(t.Context())
			if err := s.Start(ctx, x); err != nil {
				t.Error(err)
			}
			if err := s.Finish(ctx, x.ID, store.Ending{Status: faas.ExecutionSuccess, Result: result, Log: result}); err != nil {
				t.Error(err)
			}
			got, err := s.Execution(ctx, faas.AnyProject(), x.ID)
			if err != nil || got.Input != x.Input || got.Result != result || got.Status != faas.ExecutionSuccess {
				t.Errorf("%d bytes came back as %d and %d, %v", len(x.Input), len(got.Input), len(got.Result), err)
			}
		})
	}
	callers.Wait()
}
