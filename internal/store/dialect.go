package store

import (
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"modernc.org/sqlite" // registers the driver, and names its errors
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/openstack-faas/faas/internal/faas"
)

// dialect is what differs between databases: how one is opened, and how it says that a row exists. SQL itself is written in
// what they have in common.
type dialect struct{ path string }

type mode int

const (
	forReading mode = iota
	forWriting
)

// busyTimeout is how long, in milliseconds, a connection waits for another process that writes: faas-manage, for one.
const busyTimeout = 10_000

// beginWriting takes the write lock at once: a transaction that began by reading could not get it later without starting anew.
const beginWriting = "BEGIN IMMEDIATE"

const sqlitePrefix = "sqlite:///"

// dialectOf reads a URL as OpenStack's [database] connection has it.
func dialectOf(connection string) (dialect, error) {
	path, ok := strings.CutPrefix(connection, sqlitePrefix)
	if !ok || path == "" {
		return dialect{}, errors.New("a database is given as sqlite:////absolute/path or sqlite:///relative/path")
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return dialect{}, fmt.Errorf("the database's path: %w", err)
	}
	return dialect{path: path}, nil
}

// exists says what to do when there is no database yet.
func (d dialect) exists() error {
	_, err := os.Stat(d.path)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no database at %s; make it with: faas-manage db sync", d.path)
	}
	return err
}

// create makes an empty file that only its owner reads, for it holds every project's inputs, results and logs; the driver would let
// everyone read it. The files beside it (-wal, -shm) take its mode.
func (d dialect) create() error {
	f, err := os.OpenFile(d.path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("make the database: %w", err)
	}
	return f.Close()
}

// open gives connections to the file. WAL lets reads go on beside the writer; synchronous=FULL has each commit on the disk
// before it returns.
func (d dialect) open(m mode) (*sql.DB, error) {
	pragmas := url.Values{"_pragma": {
		fmt.Sprintf("busy_timeout(%d)", busyTimeout), "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)",
	}}
	if m == forReading {
		pragmas.Add("_pragma", "query_only(1)")
	}
	file := url.URL{Scheme: "file", Opaque: (&url.URL{Path: d.path}).EscapedPath(), RawQuery: pragmas.Encode()}
	db, err := sql.Open("sqlite", file.String())
	if err != nil {
		return nil, fmt.Errorf("open the database %s: %w", d.path, err)
	}
	return db, nil
}

// duplicate reports whether a row could not be inserted because its key exists.
func duplicate(err error) bool {
	var e *sqlite.Error
	return errors.As(err, &e) && (e.Code() == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY || e.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE)
}

// broken reports whether an error is of the database itself, such as a full disk, and not of one statement. It may have undone the
// whole transaction.
func broken(err error) bool {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.Code() & 0xff { // without what the extended code adds
	case sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED,
		sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return true
	}
	return false
}

// unavailable wraps what a database says of itself; a faas.Error goes through as it is, nil too.
func unavailable(err error) error {
	var known *faas.Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	return faas.Errorf(faas.Unavailable, "The database does not answer.").WithCause(err)
}

func notFound(noun, id string) error {
	return faas.Errorf(faas.NotFound, "%s %s not found.", strings.ToUpper(noun[:1])+noun[1:], id)
}

// missing turns "no rows" into a faas.NotFound; nil stays nil.
func missing(noun, id string, err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return notFound(noun, id)
	}
	return unavailable(err)
}

// scanAll reads every row and closes them.
func scanAll[T any](rows *sql.Rows, scan func(scanner) (T, error)) ([]T, error) {
	defer rows.Close()
	all := []T{}
	for rows.Next() {
		one, err := scan(rows)
		if err != nil {
			return nil, unavailable(err)
		}
		all = append(all, one)
	}
	return all, unavailable(rows.Err())
}
