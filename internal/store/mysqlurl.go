package store

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
)

// mysqlOf reads a URL as operators write it for oslo.db and PyMySQL:
// mysql+pymysql://user:password@host:port/database?charset=utf8mb4&ssl_ca=/file. No error repeats
// it, since it holds a password.
func mysqlOf(connection string) (dialect, error) {
	u, err := url.Parse(connection)
	if err != nil { // what it says repeats the URL
		return nil, errors.New(
			"the database's URL cannot be read; it is mysql+pymysql://user:password@host:port/database, with every " +
				"special character of user and password written as %XX",
		)
	}
	name := strings.TrimPrefix(u.Path, "/")
	if name == "" || strings.Contains(name, "/") || u.User.Username() == "" {
		return nil, errors.New(
			"the database's URL names no user or no database; it is mysql+pymysql://user:password@host:port/database",
		)
	}
	c := mysql.NewConfig()
	c.User, c.DBName = u.User.Username(), name
	c.Passwd, _ = u.User.Password()
	c.Net, c.Addr = "tcp", net.JoinHostPort(orDefault(u.Hostname(), "localhost"), orDefault(u.Port(), "3306"))
	c.Timeout = connectTimeout
	c.ClientFoundRows = true // an UPDATE counts the rows that it found, changed or not
	c.RejectReadOnly = true  // after a failover, a server that became read-only is left
	c.MaxAllowedPacket = 0   // as the server has it
	c.Logger = &mysql.NopLogger{}
	if err := c.Apply(mysql.Charset("utf8mb4", "utf8mb4_bin")); err != nil {
		return nil, err
	}
	if err := mysqlOptions(c, u); err != nil {
		return nil, err
	}
	return mysqlServer{config: c}, nil
}

func orDefault(value, otherwise string) string {
	if value == "" {
		return otherwise
	}
	return value
}

// mysqlOptions reads what follows the question mark: PyMySQL's names.
func mysqlOptions(c *mysql.Config, u *url.URL) error {
	host := tlsHost{name: orDefault(u.Hostname(), "localhost")}
	for name, values := range u.Query() {
		value := values[len(values)-1]
		switch name {
		case "charset", "binary_prefix", "autocommit": // ours to choose
		case "unix_socket":
			c.Net, c.Addr = "unix", value
		case "connect_timeout":
			seconds, err := strconv.Atoi(value)
			if err != nil || seconds < 1 {
				return errors.New("the database's URL: connect_timeout must be a whole number of seconds")
			}
			c.Timeout = time.Duration(seconds) * time.Second
		case "ssl_ca":
			host.speaks, host.ca = true, value
		case "ssl_cert":
			host.speaks, host.cert = true, value
		case "ssl_key":
			host.speaks, host.key = true, value
		case "ssl_verify_cert", "ssl_verify_identity", "ssl_check_hostname":
			if on, err := strconv.ParseBool(value); err != nil || !on {
				return fmt.Errorf("the database's URL: %s cannot be turned off: a server's certificate is always verified", name)
			}
			host.speaks = true
		default:
			return fmt.Errorf(
				"the database's URL has an unknown option %q; there are charset, unix_socket, connect_timeout, ssl_ca, "+
					"ssl_cert, ssl_key and ssl_verify_cert",
				name,
			)
		}
	}
	if !host.speaks {
		return nil
	}
	return host.apply(c)
}
