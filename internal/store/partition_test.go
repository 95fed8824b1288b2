package store_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

// at is an id of a time.
func idAt(t time.Time) string {
	id := uuid.Must(uuid.NewV7())
	ms := t.UnixMilli()
	for n := range 6 {
		id[n] = byte(ms >> (40 - 8*n))
	}
	return id.String()
}

// put records an execution that was made and, unless it still runs, has ended at the time.
func put(t *testing.T, s *store.Store, id string, at time.Time, text string, runs bool) string {
	t.Helper()
	x := execution()
	x.ID, x.CreatedAt, x.StartedAt, x.Input = id, at, at, text
	fatal(t, s.Start(t.Context(), x))
	if runs {
		fatal(t, second(s.SettleExpired(t.Context(), 0, nil))) // has starts written
		return id
	}
	fatal(t, s.Finish(t.Context(), id, store.Ending{
		Status: faas.ExecutionSuccess, Result: text, Log: text, EndedAt: at, ProjectID: x.ProjectID,
	}))
	return id
}

func partitions(t *testing.T, db *sql.DB, table string) (names []string) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), `SELECT partition_name FROM information_schema.partitions
		WHERE table_schema = DATABASE() AND table_name = ? AND partition_name IS NOT NULL ORDER BY partition_ordinal_position`, table)
	fatal(t, err)
	defer rows.Close()
	for rows.Next() {
		var name string
		fatal(t, rows.Scan(&name))
		names = append(names, name)
	}
	fatal(t, rows.Err())
	return names
}

// TestRetirement has weeks pass: spans are made ahead of them, whole ones go when they are old, and
// what is in none goes row by row. What has not ended stays, and what is gone is not counted.
func TestRetirement(t *testing.T) {
	server := mariadb(t)
	url := server.Database(t)
	var clock atomic.Int64
	now := func() time.Time { return time.UnixMicro(clock.Load()) }
	clock.Store(time.Date(2026, 5, 1, 12, 34, 0, 0, time.UTC).UnixMicro())
	s := open(t, url, now)
	db, err := server.Open(url)
	fatal(t, err)
	defer db.Close()
	ctx := t.Context()
	const retention, step = 30 * 24 * time.Hour, 4 * 24 * time.Hour
	long := strings.Repeat("long ", 2000)
	put4 := func(n int) (ids []string) {
		for _, text := range []string{"short", long} {
			ids = append(ids, put(t, s, idAt(now()), now(), text, false),
				put(t, s, faas.IDOfEvent("trigger", "source", fmt.Sprint(n, text), 1), now(), text, false))
		}
		return ids
	}
	var all []string // in their order, four for each step
	var running string
	for n := range 10 {
		for range 2 { // the second does nothing
			fatal(t, s.MakeSpans(ctx, retention))
		}
		all = append(all, put4(n)...)
		switch n {
		case 1:
			running = put(t, s, idAt(now()), now(), long, true)
		case 2: // a later release's column, which the database adds without a copy
			_, err := db.ExecContext(ctx, "ALTER TABLE executions ADD COLUMN later INT NOT NULL DEFAULT 7")
			fatal(t, err)
		}
		if spans := partitions(t, db, "executions"); len(spans) < 5 || spans[len(spans)-1] != "events" {
			t.Fatalf("step %d: the partitions are %q", n, spans)
		}
		clock.Add(step.Microseconds())
	}
	before := now().Add(-retention)
	for more := true; more; {
		n, err := s.Retire(ctx, before, 3)
		fatal(t, err)
		more = n >= 3
	}
	bytes := int64(512 + len(long))
	for n, id := range all {
		x, err := s.Execution(ctx, project, id)
		if gone := n < 3*4; gone != (faas.KindOf(err) == faas.NotFound) {
			t.Errorf("of step %d: %v", n/4, err)
		}
		if err == nil {
			log, err := s.ExecutionLog(ctx, project, id)
			fatal(t, err)
			bytes += int64(512 + len(x.Input) + len(x.Result) + len(log))
		}
	}
	if x, err := s.Execution(ctx, project, running); err != nil || x.Input != long {
		t.Errorf("one that runs is gone: %v", err)
	}
	if usage, err := s.RecordUsage(ctx, "p"); err != nil || usage[faas.ResourceRecords] != bytes {
		t.Errorf("%d bytes are counted, want %d, %v", usage[faas.ResourceRecords], bytes, err)
	}
	orphans := "SELECT COUNT(*) FROM execution_contents WHERE execution_id NOT IN (SELECT id FROM executions)"
	if n := count(t, db, orphans); n != 0 {
		t.Errorf("%d texts of executions that are gone are there", n)
	}
	was := partitions(t, db, "executions")
	fatal(t, s.Finish(ctx, running, store.Ending{Status: faas.ExecutionSuccess, EndedAt: before.Add(-time.Hour), ProjectID: "p"}))
	if n, err := s.Retire(ctx, before, 100); err != nil || n != 1 {
		t.Errorf("%d are gone, %v", n, err)
	}
	for _, table := range []string{"executions", "execution_contents"} {
		if spans := partitions(t, db, table); len(spans) != len(was)-1 || len(spans) > 24 {
			t.Errorf("the partitions of %s are %q", table, spans)
		}
	}
}

func count(t *testing.T, db *sql.DB, query string) (n int) {
	t.Helper()
	fatal(t, db.QueryRowContext(t.Context(), query).Scan(&n))
	return n
}

// callers record executions until the context ends, and return which were acknowledged.
func callers(ctx context.Context, t *testing.T, n int, s *store.Store) (all *sync.Map, calls *atomic.Int64, wait func()) {
	t.Helper()
	all, calls = &sync.Map{}, &atomic.Int64{}
	var group sync.WaitGroup
	for range n {
		group.Go(func() {
			for ctx.Err() == nil {
				x := execution()
				// Every other is written twice: when it starts and when it ends.
				call := context.WithoutCancel(ctx)
				if calls.Add(1)%2 == 0 {
					if err := s.Enqueue(call, x); err != nil {
						t.Error(err)
					}
					if _, won, err := s.Claim(call, x.ID, "engine", time.Minute); err != nil || !won {
						t.Error(won, err)
					}
				} else if err := s.Start(call, x); err != nil {
					t.Error(err)
				}
				if err := s.Finish(call, x.ID, ended); err != nil {
					t.Error(err)
				}
				all.Store(x.ID, true)
			}
		})
	}
	return all, calls, group.Wait
}

// TestTablesAreDivided divides tables with rows while they are written, and finds every row.
func TestTablesAreDivided(t *testing.T) {
	server := mariadb(t)
	url := server.Database(t)
	s := open(t, url, nil)
	db, err := server.Open(url)
	fatal(t, err)
	defer db.Close()
	long := strings.Repeat("long ", 2000)
	old := map[string]bool{}
	for _, query := range []string{"ALTER TABLE executions REMOVE PARTITIONING", "ALTER TABLE execution_contents REMOVE PARTITIONING",
		"CREATE TABLE executions_copy (id INT)"} { // the last is left by an attempt
		_, err := db.ExecContext(t.Context(), query)
		fatal(t, err)
	}
	for n := range 300 {
		at := time.Now().AddDate(0, 0, -n)
		old[put(t, s, idAt(at), at, map[bool]string{true: "short", false: long}[n%3 > 0], n%10 == 0)] = true
	}
	ctx, stop := context.WithCancel(t.Context())
	young, calls, wait := callers(ctx, t, 8, s)
	for deleted := range old {
		if err := s.DeleteExecution(t.Context(), project, deleted); err == nil {
			delete(old, deleted)
		}
		if len(old) < 250 {
			break
		}
	}
	queued := 0
	fatal(t, store.PartitionRecords(t.Context(), url, func(said string) { t.Log(said) }))
	for after := calls.Load() + 50; calls.Load() < after; {
		fatal(t, s.Enqueue(t.Context(), execution()))
		queued++
	}
	stop()
	wait()
	for id := range old {
		x, err := s.Execution(t.Context(), project, id)
		if err != nil || x.Input != "short" && x.Input != long {
			t.Errorf("%s: %d bytes, %v", id, len(x.Input), err)
		}
	}
	n := len(old) + queued
	young.Range(func(id, _ any) bool {
		n++
		if x, err := s.Execution(t.Context(), project, id.(string)); err != nil || x.Status != faas.ExecutionSuccess {
			t.Errorf("%s: %s, %v", id, x.Status, err)
		}
		return true
	})
	if has := count(t, db, "SELECT COUNT(*) FROM executions"); has != n {
		t.Errorf("%d rows, want %d", has, n)
	}
	if all := partitions(t, db, "executions"); len(all) < 10 || len(all) > 30 {
		t.Errorf("the partitions are %q", all)
	}
	if n := count(t, db, "SELECT COUNT(*) FROM executions PARTITION (ahead, events)"); n != 0 {
		t.Errorf("%d rows are in no span", n)
	}
	if n := count(t, db, "SELECT COUNT(*) FROM information_schema.triggers WHERE trigger_schema = DATABASE()"); n != 0 {
		t.Errorf("%d triggers are left", n)
	}
	fatal(t, store.PartitionRecords(t.Context(), url, func(string) {}))
}

// TestALongReader has somebody read a table for long, whom its change waits for and nobody else does.
func TestALongReader(t *testing.T) {
	server := mariadb(t)
	url := server.Database(t)
	s := open(t, url, nil)
	db, err := server.Open(url)
	fatal(t, err)
	defer db.Close()
	fatal(t, s.Enqueue(t.Context(), execution()))
	reading, err := db.BeginTx(t.Context(), nil)
	fatal(t, err)
	defer reading.Rollback()
	var n int
	fatal(t, reading.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM executions").Scan(&n))
	changed := make(chan error, 1)
	go func() { changed <- s.MakeSpans(context.WithoutCancel(t.Context()), time.Hour) }()
	calls := 0
	for err = nil; err == nil; calls++ {
		select {
		case err = <-changed:
			if err == nil {
				err = errors.New("it has changed the table of somebody who reads it")
			}
		default:
			fatal(t, s.Enqueue(t.Context(), execution()))
		}
	}
	if !errors.Is(err, store.ErrInUse) || calls < 50 {
		t.Errorf("%v, after %d calls", err, calls)
	}
	fatal(t, reading.Rollback())
	fatal(t, s.MakeSpans(t.Context(), time.Hour))
}
