package store_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
	"github.com/openstack-faas/faas/internal/store/storetest"
	"github.com/openstack-faas/faas/internal/testkit"
)

// suite runs the tests, then stops the server that they have shared.
type suite struct{ m *testing.M }

func (s suite) Run() int {
	code := s.m.Run()
	if err := stopMariaDB(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return max(code, 1)
	}
	return code
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(suite{m}) }

var shared struct {
	once   sync.Once
	dir    string
	server *testkit.MariaDB
	err    error

	migrated string // a database with the schema and no rows, that tests copy
}

// mariadb returns the one server of this package's tests.
func mariadb(t testing.TB) *testkit.MariaDB {
	t.Helper()
	shared.once.Do(func() {
		if shared.dir, shared.err = os.MkdirTemp("", "faas-mariadb-"); shared.err == nil {
			shared.server, shared.err = testkit.StartMariaDB(shared.dir)
		}
		if shared.err == nil {
			shared.err = shared.server.Exec("CREATE DATABASE migrated CHARACTER SET utf8mb4")
			shared.migrated = shared.server.URL(shared.server.Address(), "migrated")
		}
		if shared.err == nil {
			shared.err = store.Migrate(context.Background(), shared.migrated)
		}
	})
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.server
}

func stopMariaDB() error {
	if shared.server != nil {
		if err := shared.server.Stop(); err != nil {
			return err
		}
	}
	return os.RemoveAll(shared.dir)
}

// migrated returns a database that has the schema.
func migrated(t testing.TB) (url string) {
	t.Helper()
	server := mariadb(t)
	return server.Copy(t, shared.migrated)
}

func TestMariaDB(t *testing.T) {
	storetest.Run(t, func(t *testing.T, now func() time.Time) (*store.Store, func() *store.Store) {
		url := migrated(t)
		s := open(t, url, now)
		return s, func() *store.Store {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			return open(t, url, now)
		}
	})
}

func TestOpenRefusesAServersDatabase(t *testing.T) {
	server := mariadb(t)
	empty := server.Database(t)
	for url, words := range map[string]string{
		empty: "faas-manage db sync",
		"mysql://faas:" + secret + "@127.0.0.1:1/x":                                           "cannot be reached",
		strings.Replace(empty, "faas:", "faas:"+secret, 1):                                    "Access denied",
		"mysql://faas:" + secret + "@" + server.Address() + "/none":                           "Access denied",
		"mysql://faas:" + secret + "/more@host/x":                                             "%XX",
		"mysql://faas:" + secret + "#@host/x":                                                 "%XX",
		"mysql://faas:" + secret + "%zz@host/x":                                               "%XX",
		"mysql://:" + secret + "@host/x":                                                      "names no user",
		"mysql+pymysql://faas:" + secret + "@host":                                            "no database",
		"mysql+pymysql://faas:" + secret + "@host/x?init_command=DROP":                        "unknown option",
		"mysql+pymysql://faas:" + secret + "@host/x?ssl_ca=/nowhere":                          "ssl_ca",
		"mysql+pymysql://faas:" + secret + "@host/x?ssl_verify_cert=false":                    "always verified",
		"mysql+pymysql://faas:" + secret + "@host/x?connect_timeout=soon":                     "seconds",
		"mysql+pymysql://faas:" + secret + "@" + server.Address() + "/x?ssl_verify_cert=true": "cannot be reached",
		"postgresql://faas:" + secret + "@host/x":                                             "mysql+pymysql://",
	} {
		s, err := store.Open(t.Context(), url, store.Options{})
		if err == nil {
			_ = s.Close()
		}
		if err == nil || !strings.Contains(err.Error(), words) || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v; it should say %q, and no password", url, err, words)
		}
		if err := store.Migrate(t.Context(), url); err != nil && strings.Contains(err.Error(), secret) {
			t.Errorf("migrate %s: %v; it should say no password", url, err)
		}
	}
	has, needs, err := store.SchemaVersion(t.Context(), empty)
	if err != nil || has != needs {
		t.Errorf("after Migrate the version is %d of %d, %v", has, needs, err)
	}
}

const secret = "open-sesame"

// TestWhileTheServerIsAway has callers hear so in bounded time, what nobody waits for kept, and all
// go on when it is back.
func TestWhileTheServerIsAway(t *testing.T) {
	server := mariadb(t)
	url := server.Database(t)
	if err := store.Migrate(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(t.Context(), url, store.Options{WriteTimeout: 2 * time.Second, StartDelay: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	running, refused := execution(), execution()
	if err := s.Start(t.Context(), running); err != nil {
		t.Fatal(err)
	}
	if err := server.Kill(); err != nil {
		t.Fatal(err)
	}
	// Each is answered while the server is away: it comes back below.
	if err := s.Finish(t.Context(), running.ID, ended); faas.KindOf(err) != faas.Unavailable {
		t.Errorf("an ending while the server is away: %v", err)
	}
	if err := s.Enqueue(t.Context(), refused); faas.KindOf(err) != faas.Unavailable {
		t.Errorf("an enqueueing while the server is away: %v", err)
	}
	if _, err := s.Execution(t.Context(), faas.AnyProject(), running.ID); faas.KindOf(err) != faas.Unavailable {
		t.Errorf("a read while the server is away: %v", err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, s, func(ctx context.Context) error { return s.Enqueue(ctx, execution()) })
	err = s.Finish(t.Context(), running.ID, ended) // comes after the one that nobody waits for any more
	for faas.KindOf(err) == faas.Unavailable {
		err = s.Finish(t.Context(), running.ID, ended)
	}
	if faas.KindOf(err) != faas.Conflict {
		t.Errorf("the execution ends again: %v", err)
	}
	if got, err := s.Execution(t.Context(), faas.AnyProject(), running.ID); err != nil ||
		got.Status != faas.ExecutionSuccess {
		t.Errorf("the ending was kept: %+v, %v", got, err)
	}
	if _, err := s.Execution(t.Context(), faas.AnyProject(), refused.ID); faas.KindOf(err) != faas.NotFound {
		t.Errorf("what was refused is not written later: %v", err)
	}
}

// TestCloseWhileTheServerIsAway has Close end in bounded time, though it cannot write what it was
// given.
func TestCloseWhileTheServerIsAway(t *testing.T) {
	server := mariadb(t)
	url := server.Database(t)
	fatal(t, store.Migrate(t.Context(), url))
	s, err := store.Open(
		t.Context(), url,
		store.Options{WriteTimeout: 100 * time.Millisecond, Log: slog.New(slog.DiscardHandler)},
	)
	fatal(t, err)
	fatal(t, server.Kill())
	fatal(t, s.Start(t.Context(), execution()))
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	fatal(t, server.Start()) // not before Close has returned
}

// hangTimeout ends a test that hangs. No machine is so slow that a test which makes progress
// reaches it.
const hangTimeout = 5 * time.Minute

// eventually repeats what fails because the database is away.
func eventually(t *testing.T, s *store.Store, do func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), hangTimeout)
	defer cancel()
	for {
		err := do(ctx)
		if err == nil {
			return
		}
		if faas.KindOf(err) != faas.Unavailable || ctx.Err() != nil {
			t.Fatal(err)
		}
	}
}

var ended = store.Ending{Status: faas.ExecutionSuccess, Result: `{"duration": 0.001, "output": 1}`}

func execution() faas.Execution {
	return faas.Execution{ID: faas.NewID(), ProjectID: "p", FunctionID: "f", Input: `{"n":1}`, Lease: time.Hour}
}
