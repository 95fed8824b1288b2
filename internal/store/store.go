package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"log/slog"
	"time"
)

// Options are what Open can be told; the zero value is good.
type Options struct {
	// Now is the clock that created_at, updated_at and the like are read from; time.Now when nil.
	Now func() time.Time
	// Log hears of writes that failed while nobody waited for them; slog.Default() when nil.
	Log *slog.Logger
	// Readers is how many connections serve the reads of calls; 4 when 0. Lists have a quarter as
	// many, two at least; maintenance has two and health one.
	Readers int
	// Writers is how many connections to a server write executions; 2 when 0. SQLite has one
	// writer.
	Writers int
	// StartDelay is how long the record of a start is held back for its ending, so that a short
	// call costs one row written once; 20 ms when 0, not held back at all when negative.
	StartDelay time.Duration
	// WriteTimeout is how long a write waits for a database that is away before its caller hears
	// faas.Unavailable; 15 s when 0.
	WriteTimeout time.Duration
	// StatisticsEvery is how often what calls came to is added to the statistics; 5 s when 0.
	StatisticsEvery time.Duration
	// Wrap stands between the store and the connections of an SQLite file, and counts statements in
	// bench/simulate; nil: nothing does. Those to servers are never wrapped.
	Wrap func(driver.Driver) driver.Driver
}

// Store is an open database. It is safe for concurrent use. Its methods are those of its parts, one
// for each resource or purpose; callers that need one or two parts take those. No part is named as a
// method is: Functions lists functions, so their part is FunctionStore.
type Store struct {
	*core

	*FunctionStore
	*PackageUse
	*RuntimeStore

	*ExecutionLifecycle
	*ExecutionStore
	*Retention
	*StatisticsStore

	*JobStore
	*WebhookStore
	*TriggerStore
	*DeadLetterStore

	*QuotaStore
	*DueWork
	*Membership
	*Outbox
}

// Open opens the database at the url: mysql+pymysql://user:password@host:port/database of a MySQL
// or MariaDB server, with the options that oslo.db's operators write after it, or
// sqlite:////absolute/path or sqlite:///relative/path. It refuses a database whose schema is
// older than this program, or newer by something that this program cannot do without, and one that
// is not there: Migrate makes it and brings it up to date.
func Open(ctx context.Context, url string, o Options) (*Store, error) {
	d, err := dialectOf(url)
	if err != nil {
		return nil, err
	}
	if err := d.exists(); err != nil {
		return nil, err
	}
	if file, is := d.(sqliteFile); is {
		file.wrap = o.Wrap
		d = file
	}
	o = o.withDefaults()
	s := newStore(&core{now: o.Now, dialect: d})
	if err := s.connect(ctx, o); err != nil {
		return nil, errors.Join(err, s.closeConnections())
	}
	s.usage.read = s.readRecordCounts
	return s, nil
}

// newStore returns the parts of a store around a core that is not connected yet.
func newStore(c *core) *Store {
	functions, executions := newFunctionStore(c), &ExecutionStore{c}
	return &Store{
		core: c,

		FunctionStore: functions,
		PackageUse:    &PackageUse{c},
		RuntimeStore:  &RuntimeStore{c},

		ExecutionLifecycle: &ExecutionLifecycle{core: c, executions: executions, functions: functions},
		ExecutionStore:     executions,
		Retention:          &Retention{c},
		StatisticsStore:    &StatisticsStore{c},

		JobStore:        &JobStore{c},
		WebhookStore:    newWebhookStore(c),
		TriggerStore:    newTriggerStore(c),
		DeadLetterStore: &DeadLetterStore{c},

		QuotaStore: &QuotaStore{c},
		DueWork:    &DueWork{c},
		Membership: &Membership{c},
		Outbox:     &Outbox{c},
	}
}

func (o Options) withDefaults() Options {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Readers <= 0 {
		o.Readers = 4
	}
	if o.Writers <= 0 {
		o.Writers = 2
	}
	if o.StartDelay == 0 {
		o.StartDelay = 20 * time.Millisecond
	}
	if o.WriteTimeout <= 0 {
		o.WriteTimeout = 15 * time.Second
	}
	if o.StatisticsEvery <= 0 {
		o.StatisticsEvery = 5 * time.Second
	}
	return o
}

// Ping reports whether the database answers.
func (s *Store) Ping(ctx context.Context) error {
	var one int
	return unavailable(s.health.QueryRowContext(ctx, "SELECT 1").Scan(&one))
}

// Close commits every write that was asked for, then closes the database. After it every method
// fails with faas.Unavailable.
func (s *Store) Close() error {
	if !s.endWriting() {
		return nil
	}
	err := s.closeConnections() // ends reads under way
	s.endReads()
	s.webhooks.wait()
	s.triggers.wait()
	s.usage.close()
	return err
}
