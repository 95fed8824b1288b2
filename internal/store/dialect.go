package store

import (
	"database/sql"
	"errors"
	"strings"

	"github.com/pressly/goose/v3"

	"github.com/openstack-faas/faas/internal/faas"
)

// dialect is what differs between databases: how one is reached, the few words that they do not
// share, and what their errors mean. All other SQL is written in what they have in common.
type dialect interface {
	// String names the database to people, without its password.
	String() string
	// exists says what to do when there is no database yet, as far as that can be seen without
	// opening it.
	exists() error
	// create makes what open needs.
	create() error
	open(m mode) (*sql.DB, error)
	schema() schema
	grammar() grammar
	// fault sorts an error by what it means for the transaction it came in.
	fault(err error) fault
	// tookTooLong reports whether the database ended a statement because its time was over.
	tookTooLong(err error) bool
}

type mode int

const (
	forCalls mode = iota // reads
	forLists
	forScans
	forHealth
	forWriting
	forMigrating
)

// schema is where the migrations of a dialect are and who reads them.
type schema struct {
	folder string
	reader goose.Dialect
}

// grammar is the words that databases do not share.
type grammar struct {
	begin     string
	commit    string
	rollback  string
	forUpdate string // follows a SELECT whose row is to be changed; "" where there is one writer at a time anyway
	forShare  string // follows a SELECT whose row is to stay as it is until the commit
	// now is an expression for the present time by the database's clock, in microseconds since 1970
	// UTC.
	now string
	// addingTo is the end of an INSERT that adds to the columns of a row that is there. key names
	// the columns of the primary key.
	addingTo func(key string, columns ...string) string
	// prepared says that BEGIN, COMMIT and the like may be prepared.
	prepared bool
	// fenced says that this is a server: a COMMIT may go unanswered, so that every batch leaves a
	// mark to be found out by (fence.go), each statement is a round trip, and several writers can
	// work.
	fenced bool
}

// fault is what an error means for the transaction it came in, and for its connection.
type fault int

const (
	refused   fault = iota // one statement did not work; the transaction goes on without it
	duplicate              // refused, because the key of the row to be inserted exists
	// broken: the database cannot work, on a full disk for one; the transaction may be undone, and
	// repeating it would not help.
	broken
	passing // the transaction is undone or must be; repeated it may work: a deadlock, for one
	cut     // the connection is of no use any more; the transaction may be repeated on another
)

// dialectOf reads a URL as OpenStack's [database] connection has it.
func dialectOf(connection string) (dialect, error) {
	scheme, _, _ := strings.Cut(connection, "://")
	switch scheme {
	case "sqlite":
		return sqliteOf(connection)
	case "mysql", "mysql+pymysql", "mariadb", "mariadb+pymysql":
		return mysqlOf(connection)
	}
	return nil, errors.New("the URL of a database must be mysql+pymysql://user:password@host/database, " +
		"sqlite:////absolute/path or sqlite:///relative/path")
}

// unavailable wraps what a database says of itself; a faas.Error goes through as it is, nil too.
func unavailable(err error) error {
	var known *faas.Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	return faas.Errorf(faas.Unavailable, "The database does not answer.").WithCause(err)
}

func notFound(noun, id string) *faas.Error {
	return faas.Errorf(faas.NotFound, "%s %s not found.", strings.ToUpper(noun[:1])+noun[1:], id)
}

// unseen is the error about a thing that is there, and of a project that the scope does not see.
func unseen(noun, id, projectID string) error {
	return notFound(noun, id).WithCause(&faas.Elsewhere{Noun: noun, ProjectID: projectID})
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
