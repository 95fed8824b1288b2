package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/pressly/goose/v3"

	"github.com/openstack-faas/faas/internal/netio"
)

// mysqlServer is MySQL or MariaDB, one server or a Galera cluster. Several processes write to it at
// a time. What one of them relies on is said in conditions of its statements; SELECT … FOR UPDATE
// keeps writers on one server apart, and on a cluster, where locks are a node's own, certification
// at the commit refuses the second of two that changed the same row: it is repeated and sees the
// first.
type mysqlServer struct{ config *mysql.Config }

// Times that bound how long a connection may keep the recorder waiting.
const (
	connectTimeout = 5 * time.Second
	answerTimeout  = 15 * time.Second // of one statement of the recorder; longer than it waits for another's lock
	answerGrace    = 5 * time.Second  // how much later than a statement's end its answer may come
	readerLifetime = 3 * time.Minute  // after that a connection is made anew, so that a failover's new server is found
	lockTimeout    = "5"              // seconds for which a statement waits for another transaction
	silenceTimeout = "10"             // seconds after which a transaction is undone whose next statement does not come
)

func (d mysqlServer) String() string { return d.config.Addr + "/" + d.config.DBName }

// exists cannot tell without a connection: Open and Migrate will.
func (d mysqlServer) exists() error { return nil }

// create leaves the database and its user to the operator, who made them before they could be
// written into a URL.
func (d mysqlServer) create() error { return nil }

func (d mysqlServer) open(m mode) (*sql.DB, error) {
	c := d.config.Clone()
	// a text that is too long is refused, not cut
	c.Params = map[string]string{"sql_mode": "'TRADITIONAL'"}
	// statements see what others committed; fewer locks
	settings := []string{"SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED"}
	if m.reads() {
		limit := m.statementTime()
		// The server ends a statement by itself; that its client has left, it would notice at the
		// statement's end only. A network that has died is noticed a little later.
		settings = append(settings,
			fmt.Sprintf("SET SESSION max_statement_time = %g", limit.Seconds()),      // MariaDB's
			fmt.Sprintf("SET SESSION max_execution_time = %d", limit.Milliseconds())) // MySQL's
		c.ReadTimeout, c.WriteTimeout = limit+answerGrace, limit+answerGrace
	}
	switch m {
	case forWriting:
		c.MultiStatements, c.InterpolateParams = true, true // a batch is one packet
		c.Params["autocommit"] = "0"                        // a transaction begins by itself: one round trip less
		c.Params["innodb_lock_wait_timeout"] = lockTimeout
		c.ReadTimeout, c.WriteTimeout = answerTimeout, answerTimeout
	case forMigrating:
		c.ReadTimeout, c.WriteTimeout = 0, 0 // changing a large table takes as long as it takes
	default: // of modes that read, see above
	}
	c.DialFunc = dial
	to, err := mysql.NewConnector(c)
	if err != nil {
		return nil, fmt.Errorf("open the database %s: %w", d, err)
	}
	db := sql.OpenDB(connector{to, settings, d})
	if m.reads() {
		db.SetConnMaxLifetime(readerLifetime)
	}
	return db, nil
}

func dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return netio.Conn(conn), nil
}

// connector sets on each new connection the settings whose names differ between servers, and says
// more of one that failed.
type connector struct {
	driver.Connector
	settings []string
	server   mysqlServer
}

// Connect is called by database/sql.
func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, c.server.explain(err)
	}
	session, ok := conn.(driver.ExecerContext)
	for _, setting := range c.settings {
		if !ok {
			break
		}
		if _, err := session.ExecContext(ctx, setting, nil); err != nil && !unknownSetting(err) {
			return nil, errors.Join(err, conn.Close())
		}
	}
	return conn, nil
}

func unknownSetting(err error) bool {
	var e *mysql.MySQLError
	return errors.As(err, &e) && e.Number == 1193
}

func (d mysqlServer) schema() schema {
	return schema{folder: "migrations/mysql", reader: goose.DialectMySQL}
}

// grammar has a transaction of several round trips begin with the time that the server waits for
// the next of them. When this host is lost in between, the server ends the session then and frees
// the locks, which would be hours later otherwise. Between transactions a session may be silent for
// as long as the server is set to allow.
func (d mysqlServer) grammar() grammar {
	return grammar{
		begin:     "SET SESSION wait_timeout = " + silenceTimeout,
		commit:    "COMMIT; " + silenceAllowed,
		rollback:  "ROLLBACK; " + silenceAllowed,
		forUpdate: " FOR UPDATE", forShare: " LOCK IN SHARE MODE", fenced: true, addingTo: addingToDuplicate,
		// UTC_TIMESTAMP knows no summer time, unlike UNIX_TIMESTAMP(NOW(6)).
		now: "TIMESTAMPDIFF(MICROSECOND, '1970-01-01 00:00:00', UTC_TIMESTAMP(6))",
	}
}

// addingToDuplicate is as MariaDB and MySQL have it in common.
func addingToDuplicate(_ string, columns ...string) string {
	sets := make([]string, len(columns))
	for i, c := range columns {
		sets[i] = c + " = " + c + " + VALUES(" + c + ")"
	}
	return " ON DUPLICATE KEY UPDATE " + strings.Join(sets, ", ")
}

const silenceAllowed = "SET SESSION wait_timeout = DEFAULT"
