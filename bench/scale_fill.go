package main

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/google/uuid"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

// The records are of the last thirty days, in spans of three: those of a retention of 45.
const (
	retained  = 45 * 24 * time.Hour
	filledFor = 30 * 24 * time.Hour
)

// filled is a database with so many records.
type filled struct {
	name, url string
	n         int
	store     *store.Store
	db        *sql.DB
	now       time.Time // when it was filled
	random    *rand.Rand
	projects  []string
	functions []called
	some      []called // of the records
}

// called is a function, or a record of one.
type called struct{ id, function, project string }

func (f *filled) close() {
	if f.store != nil {
		_ = f.store.Close()
	}
	if f.db != nil {
		_ = f.db.Close()
	}
}

// fill makes a database with so many records, of projects and functions some of which are called
// far more often than others.
func (s *scaled) fill(ctx context.Context, n int) error {
	f := &filled{
		name: fmt.Sprint("records", n), n: n, now: time.Now().Truncate(time.Second),
		random: rand.New(rand.NewPCG(1, uint64(n))), //nolint:gosec // no secrets
	}
	s.filled = append(s.filled, f)
	var err error
	if f.url, err = s.database(f.name); err != nil {
		return err
	}
	if err := store.Migrate(ctx, f.url); err != nil {
		return err
	}
	if f.db, err = s.server.Open(f.url); err != nil {
		return err
	}
	f.db.SetMaxOpenConns(1) // of the settings below
	if err := f.makeSpans(ctx); err != nil {
		return err
	}
	f.makeFunctions(min(200, max(2, n/4000)), min(2000, max(4, n/400)))
	took, err := timed(func() error { return f.load(ctx) })
	if err != nil {
		return err
	}
	fmt.Printf("  %s records in %.0f s, %.1f GiB on the disk\n", power(n), took.Seconds(),
		float64(onDisk(filepath.Join(s.dir, "mariadb", "data", f.name)))/(1<<30))
	f.store, err = store.Open(ctx, f.url, store.Options{Log: slog.New(slog.DiscardHandler)})
	return err
}

// makeSpans makes the partitions as engines would have, while the time passed.
func (f *filled) makeSpans(ctx context.Context) error {
	clock := f.now.Add(-filledFor)
	s, err := store.Open(ctx, f.url, store.Options{
		Now: func() time.Time { return clock }, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return err
	}
	defer s.Close()
	for ; clock.Before(f.now.Add(store.SpanOf(retained))); clock = clock.Add(store.SpanOf(retained)) {
		if err := s.MakeSpans(ctx, retained); err != nil {
			return err
		}
	}
	return nil
}

func (f *filled) makeFunctions(projects, functions int) {
	for range projects {
		f.projects = append(f.projects, strings.ReplaceAll(uuid.NewString(), "-", ""))
	}
	for range functions {
		f.functions = append(f.functions, called{function: faas.NewID(), project: f.often(f.projects)})
	}
}

// often returns one of the projects, the first far more often than the last.
func (f *filled) often(projects []string) string {
	return projects[int(f.random.Float64()*f.random.Float64()*float64(len(projects)))]
}

// columns are those of executions that are filled; the others have their defaults.
const columns = "id, project_id, user_id, request_id, function_id, function_version, function_alias, description, " +
	"sync, status, owner, lease_until, attempts, created_at, started_at, ended_at, updated_at, input, result, log_text, " +
	"record_bytes"

// load writes the records, a span of time in each statement.
func (f *filled) load(ctx context.Context) error {
	for _, set := range []string{"unique_checks = 0", "foreign_key_checks = 0"} {
		if _, err := f.db.ExecContext(ctx, "SET SESSION "+set); err != nil {
			return err
		}
	}
	const spans = 10
	used := map[string]int64{}
	for span := range spans {
		from := f.now.Add(-filledFor + time.Duration(span)*filledFor/spans)
		if err := f.loadSpan(ctx, from, filledFor/spans, f.n*(span+1)/spans-f.n*span/spans, used); err != nil {
			return err
		}
	}
	for project, bytes := range used {
		_, err := f.db.ExecContext(ctx, "INSERT INTO quota_usages (project_id, resource, used) VALUES (?, ?, ?)", project,
			string(faas.ResourceRecords), bytes)
		if err != nil {
			return err
		}
	}
	const counted = "ANALYZE TABLE executions PERSISTENT FOR COLUMNS () INDEXES ()" //nolint:misspell // SQL's own word
	_, err := f.db.ExecContext(ctx, counted)
	return err
}

// loadSpan writes n records of a span of time, in its order.
func (f *filled) loadSpan(
	ctx context.Context, from time.Time, span time.Duration, n int, used map[string]int64,
) error {
	reader, writer := io.Pipe()
	mysql.RegisterReaderHandler(f.name, func() io.Reader { return reader })
	defer mysql.DeregisterReaderHandler(f.name)
	go func() {
		to := bufio.NewWriterSize(writer, 1<<20)
		for k := range n {
			f.line(to, from.Add(time.Duration(float64(span)*float64(k)/float64(n))), used)
		}
		_ = writer.CloseWithError(to.Flush())
	}()
	_, err := f.db.ExecContext(ctx, "LOAD DATA LOCAL INFILE 'Reader::"+f.name+"' INTO TABLE executions "+
		"CHARACTER SET utf8mb4 ("+columns+")")
	_ = reader.Close()
	return err
}

// line writes a record of the time as LOAD DATA reads it.
func (f *filled) line(to *bufio.Writer, at time.Time, used map[string]int64) {
	nth := int(f.random.Float64() * f.random.Float64() * float64(len(f.functions)))
	of := f.functions[nth]
	id := uuid.UUID{}
	ms := at.UnixMilli()
	for n := range 6 {
		id[n] = byte(ms >> (40 - 8*n))
	}
	high, low := f.random.Uint64(), f.random.Uint64()
	for n := range 5 {
		id[6+n], id[11+n] = byte(high>>(8*n)), byte(low>>(8*n))
	}
	id[6], id[8] = id[6]&0x0f|0x70, id[8]&0x3f|0x80
	status, result, log := "success", `{"duration": 0.0123, "output": {"n": 1}}`, ""
	switch dice := f.random.IntN(1000); {
	case dice < 50:
		status, result = "failed", `{"duration": 0.0045, "output": "KeyError: 'n'"}`
		log = "Traceback (most recent call last):\n"
	case dice < 55:
		status, result = "error", `{"duration": null, "output": "The worker was lost."}`
	case dice < 300:
		log = "a line that the function printed\n"
	}
	const input = `{"n": 1}`
	bytes := 512 + len(input) + len(result) + len(log)
	used[of.project] += int64(bytes)
	us := at.UnixMicro()
	fmt.Fprintf(to, "%s\t%s\t4f1c2d9be3c04c1c8f6f64d3b6ad2f70\treq-%s\t%s\t0\t\t\t%d\t%s\tfaas-api-1\t0\t1\t",
		id, of.project, id, of.function, f.random.IntN(4)&1, status)
	fmt.Fprintf(to, "%d\t%d\t%d\t%d\t%s\t%s\t%s\t%d\n", us, us+900, us+13200, us+13200, input, result,
		strings.ReplaceAll(log, "\n", "\\n"), bytes)
	if nth <= len(f.functions)/2 && f.random.IntN(max(1, f.n/5000)) == 0 { // of which there are enough to fill a page
		f.some = append(f.some, called{id.String(), of.function, of.project})
	}
}
