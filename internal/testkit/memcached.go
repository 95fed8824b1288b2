package testkit

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/testkit/ports"
)

// Memcached is a memcached of a test's own.
type Memcached struct {
	t       testing.TB
	port    string
	mu      sync.Mutex
	process *process
}

// StartMemcached starts Debian's memcached and returns when it answers. It ends with the test.
func StartMemcached(t testing.TB) *Memcached {
	t.Helper()
	port, err := ports.Take()
	if err != nil {
		t.Fatal(err)
	}
	m := &Memcached{t: t, port: port}
	m.Start()
	t.Cleanup(m.Kill)
	return m
}

// Address is host:port, the same after every Start.
func (m *Memcached) Address() string { return "127.0.0.1:" + m.port }

// Start starts it again, with nothing in it.
func (m *Memcached) Start() {
	m.t.Helper()
	me, err := user.Current()
	if err != nil {
		m.t.Fatal(err)
	}
	program, err := exec.LookPath("memcached")
	if err != nil {
		m.t.Fatal("memcached is missing: apt-get install --no-install-recommends memcached")
	}
	options := []string{"-l", "127.0.0.1", "-p", m.port, "-U", "0", "-u", me.Username}
	cmd := exec.CommandContext(context.Background(), program, options...)
	var log bytes.Buffer
	server, err := start(cmd, &log)
	if err != nil {
		m.t.Fatal(err)
	}
	m.mu.Lock()
	m.process = server
	m.mu.Unlock()
	deadline, tick := time.After(5*time.Minute), time.NewTicker(10*time.Millisecond)
	defer tick.Stop()
	for {
		c, err := new(net.Dialer).DialContext(context.Background(), "tcp", m.Address())
		if err == nil {
			_ = c.Close()
			return
		}
		select {
		case <-tick.C:
		case <-server.done:
			m.t.Fatalf("memcached did not start: %s", log.String())
		case <-deadline:
			m.t.Fatalf("memcached does not answer: %v", err)
		}
	}
}

// Kill ends it; what it held is lost.
func (m *Memcached) Kill() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.process != nil {
		m.process.kill()
		m.process = nil
	}
}

// Stop has it hang, or go on.
func (m *Memcached) Stop(hang bool) {
	m.t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	signal := syscall.SIGCONT
	if hang {
		signal = syscall.SIGSTOP
	}
	if err := m.process.cmd.Process.Signal(signal); err != nil {
		m.t.Fatal(err)
	}
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for hang && !m.hangs() { // each of its threads stops by itself
		<-tick.C
	}
}

// hangs reports whether all threads have stopped.
func (m *Memcached) hangs() bool {
	states, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", m.process.cmd.Process.Pid))
	if err != nil || len(states) == 0 {
		m.t.Fatal("memcached is gone")
	}
	for _, file := range states {
		state, err := os.ReadFile(file)
		if _, rest, _ := bytes.Cut(state, []byte(") ")); err != nil || !bytes.HasPrefix(rest, []byte("T")) {
			return false
		}
	}
	return true
}

// Names returns the names of all entries.
func (m *Memcached) Names() (names []string) {
	m.t.Helper()
	c, err := new(net.Dialer).DialContext(context.Background(), "tcp", m.Address())
	if err != nil {
		m.t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write([]byte("lru_crawler metadump all\r\n")); err != nil {
		m.t.Fatal(err)
	}
	lines := bufio.NewScanner(c)
	for lines.Scan() && lines.Text() != "END" {
		for field := range strings.FieldsSeq(lines.Text()) {
			if name, ok := strings.CutPrefix(field, "key="); ok {
				if name, err = url.QueryUnescape(name); err != nil {
					m.t.Fatal(err)
				}
				names = append(names, name)
			}
		}
	}
	return names
}
