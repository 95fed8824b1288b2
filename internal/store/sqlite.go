package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite" // registers the driver, and names its errors
	sqlite3 "modernc.org/sqlite/lib"
)

// sqliteFile is the embedded default: one file, one writer at a time.
type sqliteFile struct {
	path string
	wrap func(driver.Driver) driver.Driver // of Options
}

const sqlitePrefix = "sqlite:///"

func sqliteOf(connection string) (dialect, error) {
	path, ok := strings.CutPrefix(connection, sqlitePrefix)
	if !ok || path == "" {
		return nil, errors.New("the URL of an SQLite database must be sqlite:////absolute/path or sqlite:///relative/path")
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("the database's path: %w", err)
	}
	return sqliteFile{path: path}, nil
}

func (d sqliteFile) String() string { return d.path }

func (d sqliteFile) exists() error {
	_, err := os.Stat(d.path)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no database at %s; create it with: faas-manage db sync", d.path)
	}
	return err
}

// create makes an empty file that only its owner reads, for it holds every project's inputs,
// results and logs; the driver would let everyone read it. The files beside it (-wal, -shm) take
// its mode.
func (d sqliteFile) create() error {
	if err := os.MkdirAll(filepath.Dir(d.path), 0o700); err != nil {
		return fmt.Errorf("the database's folder: %w", err)
	}
	f, err := os.OpenFile(d.path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("make the database: %w", err)
	}
	return f.Close()
}

// busyTimeout is how long, in milliseconds, a connection waits for another process that writes:
// faas-manage, for one.
const busyTimeout = 10_000

// open returns connections to the file. WAL lets reads go on beside the writer; synchronous=FULL
// has each commit on the disk before it returns.
func (d sqliteFile) open(m mode) (*sql.DB, error) {
	pragmas := url.Values{"_pragma": {
		fmt.Sprintf("busy_timeout(%d)", busyTimeout), "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)",
	}}
	if m.reads() {
		pragmas.Add("_pragma", "query_only(1)")
	}
	file := url.URL{Scheme: "file", Opaque: (&url.URL{Path: d.path}).EscapedPath(), RawQuery: pragmas.Encode()}
	db, err := sql.Open("sqlite", file.String())
	if err != nil {
		return nil, fmt.Errorf("open the database %s: %w", d.path, err)
	}
	if d.wrap == nil {
		return db, nil
	}
	wrapped := d.wrap(db.Driver())
	return sql.OpenDB(wrappedConnector{wrapped, file.String()}), db.Close() // which has not connected yet
}

// wrappedConnector connects by a driver that is not registered.
type wrappedConnector struct {
	driver driver.Driver
	name   string
}

func (c wrappedConnector) Connect(context.Context) (driver.Conn, error) { return c.driver.Open(c.name) }
func (c wrappedConnector) Driver() driver.Driver                        { return c.driver }

func (d sqliteFile) schema() schema {
	return schema{folder: "migrations/sqlite", reader: goose.DialectSQLite3}
}

// grammar takes the write lock at once: a transaction that began by reading could not get it later
// without starting anew.
func (d sqliteFile) grammar() grammar {
	return grammar{
		begin: "BEGIN IMMEDIATE", commit: "COMMIT", rollback: "ROLLBACK", prepared: true, addingTo: addingToConflict,
		now: "CAST(unixepoch('now', 'subsec') * 1000000 AS INTEGER)",
	}
}

func addingToConflict(key string, columns ...string) string {
	sets := make([]string, len(columns))
	for i, c := range columns {
		sets[i] = c + " = " + c + " + excluded." + c
	}
	return " ON CONFLICT (" + key + ") DO UPDATE SET " + strings.Join(sets, ", ")
}

// tookTooLong is never so: a statement of an embedded database ends with its context.
func (d sqliteFile) tookTooLong(error) bool { return false }

func (d sqliteFile) fault(err error) fault {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return refused
	}
	switch e.Code() {
	case sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, sqlite3.SQLITE_CONSTRAINT_UNIQUE:
		return duplicate
	}
	switch e.Code() & 0xff { // without what the extended code adds
	case sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED,
		sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return broken
	}
	return refused
}
