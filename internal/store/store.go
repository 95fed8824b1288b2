package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
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
}

// Store is an open database. It is safe for concurrent use.
type Store struct {
	now     func() time.Time
	dialect dialect
	pools
	writer *sql.DB
	*recorders
	get    lookups
	shards faas.Sharding

	functions *shared[string, faas.Function]
	versions  *shared[called, faas.FunctionVersion]
	aliases   *shared[aliasName, faas.Alias]
	canaries  *canaries
	webhooks  *shared[string, faas.Webhook]
	triggers  *shared[string, faas.Trigger]
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
	o = o.withDefaults()
	s := &Store{now: o.Now, dialect: d}
	s.functions, s.webhooks = newShared(s.readFunction), newShared(s.readWebhook)
	s.triggers = newShared(s.readTrigger)
	s.versions, s.aliases, s.canaries = newShared(s.readVersion), newShared(s.readAlias), newCanaries()
	if err := s.connect(ctx, o); err != nil {
		return nil, errors.Join(err, s.closeConnections())
	}
	return s, nil
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

func (s *Store) connect(ctx context.Context, o Options) (err error) {
	if s.pools, err = openPools(s.dialect, o.Readers); err != nil {
		return err
	}
	if err := refuseOtherSchema(ctx, s.dialect, s.readers, o.Log); err != nil {
		return err
	}
	if err := s.get.prepare(ctx, s.readers); err != nil {
		return err
	}
	if s.shards, err = readSharding(ctx, s.readers); err != nil {
		return err
	}
	form, err := readForm(ctx, s.readers)
	if err != nil {
		return err
	}
	if s.writer, err = s.dialect.open(forWriting); err != nil {
		return err
	}
	if s.recorders, err = startRecorders(ctx, s.writer, s.dialect, form, o); err != nil {
		return err
	}
	s.usage.read = s.readRecordCounts
	return nil
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
	s.functions.wait()
	s.webhooks.wait()
	s.triggers.wait()
	s.versions.wait()
	s.aliases.wait()
	s.usage.close()
	return err
}

func (s *Store) closeConnections() error {
	var errs []error
	for _, db := range []*sql.DB{s.writer, s.readers, s.lists, s.scans, s.health} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close the database: %w", err)
	}
	return nil
}

// timestamp returns the clock's time as the database keeps it.
func (s *Store) timestamp() time.Time { return moment(micros(s.now())) }
