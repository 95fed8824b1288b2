package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/openstack-faas/faas/internal/apiclient"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

// served is a faas-standalone on a database of the server, and what is called there.
type served struct {
	*apiclient.Service
	start          func() (*apiclient.Service, error)
	db             *sql.DB
	runtime        apiclient.Runtime
	function, slow apiclient.Function
}

// slowly is a function that keeps a slot for a while and the processors free.
const slowly = "import time\ndef main(**kwargs):\n    time.sleep(0.5)\n"

// service measures calls where there are many functions, and where many executions are queued.
func (s *scaled) service(ctx context.Context, binary string) (err error) {
	on, err := s.serve(ctx, binary)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, on.Stop(), on.db.Close()) }()
	if err := s.manyFunctions(ctx, on); err != nil {
		return fmt.Errorf("many functions: %w", err)
	}
	if err := s.manyQueued(ctx, on); err != nil {
		return fmt.Errorf("many queued: %w", err)
	}
	return nil
}

// serve starts the service and makes the functions.
func (s *scaled) serve(ctx context.Context, binary string) (*served, error) {
	url, err := s.database("service")
	if err != nil {
		return nil, err
	}
	if err := store.Migrate(ctx, url); err != nil {
		return nil, err
	}
	conf, log := filepath.Join(s.dir, "faas.conf"), filepath.Join(s.dir, "service.log")
	text := "[database]\nconnection = " + url + "\n[quota]\nqueued_executions = -1\n[worker]\nbuiltin_runtimes = python3\n"
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		return nil, err
	}
	on := &served{start: func() (*apiclient.Service, error) {
		to, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return nil, err
		}
		defer to.Close()
		return apiclient.StartService(ctx, binary, filepath.Join(s.dir, "state"), to, "--config-file", conf)
	}}
	if on.db, err = s.server.Open(url); err != nil {
		return nil, err
	}
	if on.Service, err = on.start(); err != nil {
		return nil, err
	}
	if on.runtime, err = on.Client.AwaitRuntime(ctx, "python3"); err == nil {
		if on.function, err = create(ctx, on.Client, on.runtime, "main.py", echo); err == nil {
			on.slow, err = create(ctx, on.Client, on.runtime, "main.py", slowly)
		}
	}
	return on, err
}

// manyFunctions compares calls of one function where there are few functions with those where there
// are a hundred thousand, by turns.
func (s *scaled) manyFunctions(ctx context.Context, on *served) error {
	n := s.scaled(100_000)
	if _, _, err := load(ctx, on.Client, on.function, 4, time.Second); err != nil { // makes workers
		return err
	}
	var p50, cpu [2]float64
	const rounds = 3
	for turn := range 2 * rounds {
		many := turn % 2
		if many == 1 {
			if err := on.copyFunction(ctx, on.function.ID, n, "CONCAT('project-', seq % 1000)"); err != nil {
				return err
			}
		} else if _, err := on.db.ExecContext(ctx, `DELETE FROM functions WHERE project_id LIKE 'project-%'`); err != nil {
			return err
		}
		before := cpuOf(on.PID())
		took, failed, err := load(ctx, on.Client, on.function, 4, time.Second)
		if err != nil || failed > 0 {
			return fmt.Errorf("%d calls failed: %w", failed, err)
		}
		p50[many] += ms(quantile(took, 0.5)) / rounds
		cpu[many] += 1000 * (cpuOf(on.PID()) - before) / float64(len(took)) / rounds
	}
	s.add("calls with 2 functions, p50", p50[0], "ms", "")
	s.add(fmt.Sprintf("calls with %d functions, p50", n), p50[1], "ms", "")
	s.add("calls with 2 functions, CPU of the service", cpu[0], "ms/call", "")
	s.judge(fmt.Sprintf("calls with %d functions, CPU of the service", n), cpu[1], "ms/call", "< 1.1 times that with 2",
		cpu[1] < 1.1*cpu[0])
	return nil
}

// copyFunction makes n functions as the one is, of the project that an expression of seq says.
func (on *served) copyFunction(ctx context.Context, id string, n int, project string) error {
	var columns string
	err := on.db.QueryRowContext(ctx, `SELECT GROUP_CONCAT(column_name ORDER BY ordinal_position)
		FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'functions'`).Scan(&columns)
	if err != nil {
		return err
	}
	values := strings.Split(columns, ",")
	for i, c := range values {
		switch c {
		case "id":
			values[i] = "LOWER(UUID())"
		case "project_id":
			values[i] = project
		default:
			values[i] = "f." + c
		}
	}
	copied := fmt.Sprintf("INSERT INTO functions (%s) SELECT %s FROM functions f, seq_1_to_%d WHERE f.id = ?",
		columns, strings.Join(values, ","), n)
	_, err = on.db.ExecContext(ctx, copied, id)
	return err
}

// delays are how long calls take, and how long asynchronous ones of a project that has no others.
type delays struct{ calls, asynchronous []time.Duration }

// manyQueued compares what callers wait for while four other projects have queued executions by the
// hundred thousand with what they wait for where nothing is queued.
func (s *scaled) manyQueued(ctx context.Context, on *served) error {
	n := s.scaled(400_000)
	none, err := s.delays(ctx, on)
	if err != nil {
		return err
	}
	if err := on.Stop(); err != nil {
		return err
	}
	if err := on.queue(ctx, n); err != nil {
		return err
	}
	took, err := timed(func() (err error) { on.Service, err = on.start(); return err })
	if err != nil {
		return err
	}
	s.add(fmt.Sprintf("the service starts with %d queued in", n), took.Seconds(), "s", "")
	if on.runtime, err = on.Client.AwaitRuntime(ctx, "python3"); err != nil {
		return err
	}
	many, err := s.delays(ctx, on)
	if err != nil {
		return err
	}
	var left int
	err = on.db.QueryRowContext(ctx, `SELECT COUNT(*) FROM due_work WHERE kind = 'lost-message'`).Scan(&left)
	if err != nil {
		return err
	}
	s.add("of which were queued still after that", float64(left), "", "")
	for _, one := range []struct {
		what       string
		none, many []time.Duration
	}{
		{"a synchronous call", none.calls, many.calls},
		{"a new project's asynchronous call", none.asynchronous, many.asynchronous},
	} {
		for _, q := range []float64{0.5, 0.95} {
			was, is := ms(quantile(one.none, q)), ms(quantile(one.many, q))
			what := fmt.Sprintf("%s, p%.0f", one.what, 100*q)
			s.add(what+", none queued", was, "ms", "")
			s.judge(fmt.Sprintf("%s, %d queued", what, n), is, "ms", "as with none", is <= 1.2*was)
		}
	}
	return nil
}

// delays measures, after a moment in which what is queued has got all that it gets.
func (s *scaled) delays(ctx context.Context, on *served) (d delays, err error) {
	if _, _, err = load(ctx, on.Client, on.function, 1, 5*time.Second); err != nil {
		return d, err
	}
	if d.calls, _, err = load(ctx, on.Client, on.function, 1, 3*time.Second); err != nil {
		return d, err
	}
	for range 50 {
		begun := time.Now()
		x, err := on.Client.Execute(ctx, on.function.ID, false, map[string]int{"n": 1})
		if err == nil {
			x, err = on.Client.Await(ctx, x.ID, time.Millisecond)
		}
		if err == nil && x.Status != "success" {
			err = fmt.Errorf("execution %s: %s", x.ID, x.Status)
		}
		if err != nil {
			return d, err
		}
		d.asynchronous = append(d.asynchronous, time.Since(begun))
	}
	slices.Sort(d.asynchronous)
	return d, nil
}

// queue queues executions of the slow function in four projects.
func (on *served) queue(ctx context.Context, n int) error {
	if err := on.copyFunction(ctx, on.slow.ID, 4, "CONCAT('busy-', seq)"); err != nil {
		return err
	}
	of := map[string]string{}
	rows, err := on.db.QueryContext(ctx, `SELECT project_id, id FROM functions WHERE project_id LIKE 'busy-%'`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var project, id string
		if err := rows.Scan(&project, &id); err != nil {
			return err
		}
		of[project] = id
	}
	if err := rows.Err(); err != nil {
		return err
	}
	at := time.Now().Add(-time.Minute)
	for project, function := range of {
		var b strings.Builder
		for k := range n / len(of) {
			id := faas.IDOf(fmt.Sprint(project, k), at.Add(time.Duration(k)*time.Microsecond))
			if b.Len() > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, "('%s','%s','%s',%d,%d)", id, project, function, at.UnixMicro(), faas.Sharding(64).Of(id))
			if b.Len() < 1<<20 && k < n/len(of)-1 {
				continue
			}
			if err := on.enqueue(ctx, b.String()); err != nil {
				return err
			}
			b.Reset()
		}
	}
	return nil
}

// enqueue records executions as queued, with the work that belongs to each.
func (on *served) enqueue(ctx context.Context, rows string) error {
	const from = "(id CHAR(36), project VARCHAR(255), function CHAR(36), at BIGINT, shard INT)"
	for _, statement := range []string{
		"CREATE OR REPLACE TABLE asked " + from, "INSERT INTO asked VALUES " + rows,
		`INSERT INTO executions (` + columns + `)
			SELECT id, project, 'u', '', function, 0, '', '', 0, 'queued', '', 0, 0, at, 0, 0, at, '', '', '', 512 FROM asked`,
		`INSERT INTO due_work (kind, ref, shard, state, due_at, epoch, token, attempts, last_error, added_at)
			SELECT 'lost-message', id, shard, 'waiting', at + 3600000000, 0, 0, 0, '', at FROM asked`,
		"DROP TABLE asked",
	} {
		if _, err := on.db.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("%.60s: %w", statement, err)
		}
	}
	return nil
}
