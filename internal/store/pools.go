package store

import (
	"database/sql"
	"errors"
	"time"
)

// pools are the connections that serve reads. They are apart so that nothing waits for what may
// take longer: a call needs its function's row though all who may list executions do so at once,
// and the answer to a health check says how the database is, not how busy.
type pools struct {
	readers *sql.DB // reads of calls, and others that an index answers: by id, of what is due
	lists   *sql.DB // lists, whose cost depends on what clients ask for
	scans   *sql.DB // reads of maintenance, which may go through whole tables
	health  *sql.DB
}

const (
	scanConnections = 2
	minLists        = 2
	listsPerReader  = 4 // one connection for lists to so many for calls
)

// openPools opens the pools; connections are made when they are needed. Those that were opened are
// returned with an error too.
func openPools(d dialect, readers int) (p pools, err error) {
	for _, of := range []struct {
		db   **sql.DB
		mode mode
		most int
	}{
		{&p.readers, forCalls, readers},
		{&p.lists, forLists, max(minLists, readers/listsPerReader)},
		{&p.scans, forScans, scanConnections},
		{&p.health, forHealth, 1},
	} {
		db, failed := d.open(of.mode)
		if failed != nil {
			err = errors.Join(err, failed)
			continue
		}
		db.SetMaxOpenConns(of.most)
		db.SetMaxIdleConns(of.most)
		*of.db = db
	}
	return p, err
}

// reads reports whether connections of the mode read only.
func (m mode) reads() bool { return m <= forHealth }

// statementTime is how long a statement of a mode that reads may take. The database itself ends it
// then.
func (m mode) statementTime() time.Duration {
	switch m {
	case forHealth:
		return 2 * time.Second
	case forLists:
		return listStatementTime
	case forScans:
		return time.Minute
	default:
		return 10 * time.Second
	}
}

// listStatementTime is the statementTime of lists. Tests lower it.
var listStatementTime = 10 * time.Second
