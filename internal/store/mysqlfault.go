package store

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"

	"github.com/go-sql-driver/mysql"
)

// mysqlFaults sorts the numbers of MySQL's, MariaDB's and Galera's errors; a number that is not
// here is of one statement.
var mysqlFaults = map[uint16]fault{
	1062: duplicate, // a key exists
	1586: duplicate, // the same, with the key's name

	1021: broken, // disk full
	1026: broken, // error writing a file
	1030: broken, // error of the storage engine
	1037: broken, // out of memory
	1041: broken, // out of memory
	1114: broken, // the table is full

	1020: passing, // the row changed since it was read
	1180: passing, // error during COMMIT: Galera's certification, for one
	1205: passing, // waited too long for a lock
	1213: passing, // deadlock; also a Galera transaction that lost against another node's
	1317: passing, // interrupted
	1412: passing, // the table was altered meanwhile

	1040: cut,                                  // too many connections
	1047: cut,                                  // this Galera node is not part of the cluster
	1053: cut,                                  // the server shuts down
	1077: cut,                                  // the server shut down
	1129: cut,                                  // the host is blocked for its many errors
	1152: cut,                                  // the connection was aborted
	1158: cut, 1159: cut, 1160: cut, 1161: cut, // the network, as the server sees it
	1184: cut,     // the connection was aborted
	1203: cut,     // too many connections of this user
	1243: cut,     // the prepared statement is not known: a proxy changed servers
	1290: cut,     // read only: this server is no longer the one to write to
	1615: cut,     // the prepared statement must be prepared anew
	1792: cut,     // the transaction is read only
	1836: cut,     // read only
	1927: cut,     // the connection was killed
	2006: cut,     // the server has gone away
	2013: cut,     // lost during a query, as a proxy reports
	3024: passing, // the statement took longer than the server allows
	4031: cut,     // the server ended the connection for its idleness
}

func (d mysqlServer) tookTooLong(err error) bool {
	var numbered *mysql.MySQLError
	return errors.As(err, &numbered) && (numbered.Number == 1969 || numbered.Number == 3024) // MariaDB's and MySQL's
}

func (d mysqlServer) fault(err error) fault {
	var numbered *mysql.MySQLError
	var network net.Error
	switch {
	case errors.As(err, &numbered):
		return mysqlFaults[numbered.Number]
	case errors.As(err, &network),
		errors.Is(err, driver.ErrBadConn),
		errors.Is(err, sql.ErrConnDone),
		errors.Is(err, mysql.ErrInvalidConn),
		errors.Is(err, mysql.ErrMalformPkt),
		errors.Is(err, mysql.ErrPktSync),
		errors.Is(err, mysql.ErrPktSyncMul),
		errors.Is(err, mysql.ErrBusyBuffer),
		errors.Is(err, io.EOF),
		errors.Is(err, io.ErrUnexpectedEOF):
		return cut
	}
	return refused
}
