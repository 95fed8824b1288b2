package testkit

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/openstack-faas/faas/internal/testkit/ports"
)

// Password is that of the user faas of every MariaDB here, with every character that a URL trips
// over.
const Password = "p@ss/w:rd%#?&"

// MariaDB is a MariaDB server of a test's own, which flushes every commit to the disk as a real one
// does.
type MariaDB struct {
	dir, port string
	further   []string // options
	process   *process
	databases atomic.Int64
}

// StartMariaDB makes a server in the folder, which is empty, and returns when it answers. Its
// caller stops it. Options are the server's own, over those that tests have.
func StartMariaDB(dir string, options ...string) (*MariaDB, error) {
	install, err := installed("mariadb-install-db")
	if err != nil {
		return nil, err
	}
	me, err := user.Current()
	if err != nil {
		return nil, err
	}
	m := &MariaDB{dir: dir, further: options}
	if m.port, err = ports.Take(); err != nil {
		return nil, err
	}
	made := exec.CommandContext(
		context.Background(), install, "--no-defaults", "--user="+me.Username,
		"--auth-root-authentication-method=normal", "--skip-test-db", "--datadir="+m.data(),
	)
	if err := os.MkdirAll(m.tables(), 0o700); err != nil {
		return nil, err
	}
	made.Env = append(os.Environ(), "TMPDIR="+m.tables())
	if out, err := made.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("mariadb-install-db: %w\n%s", err, out)
	}
	if err := m.Start(); err != nil {
		return nil, errors.Join(err, m.Stop())
	}
	if err := m.addUser(); err != nil {
		return nil, errors.Join(err, m.Stop())
	}
	return m, nil
}

// installed finds a program of Debian's package, before any other of its name.
func installed(program string) (string, error) {
	for _, dir := range []string{"/usr/sbin", "/usr/bin"} {
		if path, err := exec.LookPath(filepath.Join(dir, program)); err == nil {
			return path, nil
		}
	}
	path, err := exec.LookPath(program)
	if err != nil {
		return "", fmt.Errorf("%s is missing: apt-get install --no-install-recommends mariadb-server", program)
	}
	return path, nil
}

func (m *MariaDB) data() string { return filepath.Join(m.dir, "data") }

// tables is for temporary ones: a server that starts removes those of others in its folder.
func (m *MariaDB) tables() string { return filepath.Join(m.dir, "tables") }

func (m *MariaDB) socket() string { return filepath.Join(m.dir, "socket") }

// Address is host:port, the same after every Start.
func (m *MariaDB) Address() string { return "127.0.0.1:" + m.port }

// Start starts the server on its folder, the first time or again, and returns when it answers: an
// error after five minutes.
func (m *MariaDB) Start() error {
	server, err := installed("mariadbd")
	if err != nil {
		return err
	}
	me, err := user.Current()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(m.tables(), 0o700); err != nil {
		return err
	}
	log, err := os.OpenFile(filepath.Join(m.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	options := append([]string{
		"--no-defaults", "--user=" + me.Username, "--datadir=" + m.data(), "--socket=" + m.socket(), "--port=" + m.port,
		"--bind-address=127.0.0.1", "--skip-name-resolve", "--innodb-flush-log-at-trx-commit=1",
		"--innodb-buffer-pool-size=64M", "--tmpdir=" + m.tables(),
	}, m.further...)
	cmd := exec.CommandContext(context.Background(), server, options...)
	if m.process, err = start(cmd, log); err != nil {
		m.process = nil
		return err
	}
	return m.ready()
}

// ready waits until the server answers.
func (m *MariaDB) ready() error {
	db, err := m.root()
	if err != nil {
		return err
	}
	defer db.Close()
	deadline, tick := time.After(5*time.Minute), time.NewTicker(20*time.Millisecond)
	defer tick.Stop()
	for {
		err := db.PingContext(context.Background())
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-deadline:
			log, _ := os.ReadFile(filepath.Join(m.dir, "log"))
			return fmt.Errorf("mariadbd does not answer: %w\n%s", err, log)
		}
	}
}

// root speaks to the server as its administrator.
func (m *MariaDB) root() (*sql.DB, error) {
	c := mysql.NewConfig()
	c.User, c.Net, c.Addr, c.Logger = "root", "unix", m.socket(), &mysql.NopLogger{}
	to, err := mysql.NewConnector(c)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(to), nil
}

func (m *MariaDB) addUser() error {
	return m.Exec("CREATE USER faas@'127.0.0.1' IDENTIFIED BY '"+Password+"'", "GRANT ALL ON *.* TO faas@'127.0.0.1'")
}

// Exec runs statements as the administrator.
func (m *MariaDB) Exec(statements ...string) error {
	db, err := m.root()
	if err != nil {
		return err
	}
	defer db.Close()
	for _, statement := range statements {
		if _, err := db.ExecContext(context.Background(), statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}

// Database makes an empty database for the test and returns its URL, as an operator writes it. It
// is dropped when the test ends.
func (m *MariaDB) Database(t testing.TB) string {
	t.Helper()
	name := fmt.Sprintf("faas%d", m.databases.Add(1))
	if err := m.Exec("CREATE DATABASE " + name + " CHARACTER SET utf8mb4"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Exec("DROP DATABASE " + name); err != nil {
			t.Error(err)
		}
	})
	return m.URL(m.Address(), name)
}

// Copy makes a database as Database does, with the tables and rows of another of this server.
func (m *MariaDB) Copy(t testing.TB, database string) string {
	t.Helper()
	to := m.Database(t)
	if err := m.copyTables(t.Context(), nameOf(database), nameOf(to)); err != nil {
		t.Fatal(err)
	}
	return to
}

func (m *MariaDB) copyTables(ctx context.Context, from, to string) error {
	db, err := m.root()
	if err != nil {
		return err
	}
	defer db.Close()
	one, err := db.Conn(ctx) // which keeps what is set and used
	if err != nil {
		return err
	}
	defer one.Close()
	tables, err := tablesIn(ctx, one, from)
	if err != nil {
		return err
	}
	statements := []string{"SET FOREIGN_KEY_CHECKS = 0", "USE " + to}
	for _, table := range tables {
		var definition string
		err := one.QueryRowContext(ctx, "SHOW CREATE TABLE "+from+"."+table).Scan(&table, &definition)
		if err != nil {
			return err
		}
		statements = append(statements, definition, "INSERT INTO "+table+" SELECT * FROM "+from+"."+table)
	}
	for _, statement := range statements {
		if _, err := one.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}

func tablesIn(ctx context.Context, one *sql.Conn, database string) (tables []string, err error) {
	rows, err := one.QueryContext(ctx, "SHOW TABLES IN "+database)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var table string
		if err := rows.Scan(&table); err != nil {
			return nil, err
		}
		tables = append(tables, table)
	}
	return tables, rows.Err()
}

// nameOf returns the name of a database by its URL.
func nameOf(database string) string {
	name, _, _ := strings.Cut(database[strings.LastIndex(database, "/")+1:], "?")
	return name
}

// Open returns connections to a database by its URL, past everything that is ours.
func (m *MariaDB) Open(database string) (*sql.DB, error) {
	u, err := url.Parse(database)
	if err != nil {
		return nil, err
	}
	c := mysql.NewConfig()
	c.User, c.Passwd, c.Net, c.Addr, c.DBName = u.User.Username(), Password, "tcp", u.Host, strings.TrimPrefix(u.Path, "/")
	to, err := mysql.NewConnector(c)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(to), nil
}

// URL is that of a database of this server, behind the address.
func (m *MariaDB) URL(address, database string) string {
	u := url.URL{
		Scheme:   "mysql+pymysql",
		User:     url.UserPassword("faas", Password),
		Host:     address,
		Path:     "/" + database,
		RawQuery: "charset=utf8mb4",
	}
	return u.String()
}

// Kill ends the server as kill -9 does, and waits for its end.
func (m *MariaDB) Kill() error { return m.end(syscall.SIGKILL) }

// Stop ends the server and waits for its end; nothing when it does not run.
func (m *MariaDB) Stop() error { return m.end(syscall.SIGTERM) }

func (m *MariaDB) end(signal syscall.Signal) error {
	if m.process == nil {
		return nil
	}
	if err := m.process.cmd.Process.Signal(signal); err != nil {
		return err
	}
	<-m.process.done
	err := m.process.ended
	m.process = nil
	var ended *exec.ExitError
	if errors.As(err, &ended) && signal == syscall.SIGKILL {
		return nil
	}
	return err
}
