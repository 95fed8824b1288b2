// Package functional drives the built service from outside, as its users do.
package functional

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/apiclient"
)

const binary = "../../bin/faas-standalone"

// logBuffer keeps what a service logs, from several of its lives.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// patience bounds a test: generous, because a machine may be busy, and never reached when all is well.
func patience(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// start starts a service whose state is in dir with the configuration given, and stops it when the test ends.
func start(ctx context.Context, t *testing.T, dir, conf string, log *logBuffer) *apiclient.Service {
	t.Helper()
	file := filepath.Join(dir, "faas.conf")
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := apiclient.StartService(ctx, binary, filepath.Join(dir, "state"), log, "--config-file", file)
	if err != nil {
		t.Fatalf("%v\n%s", err, log)
	}
	return s
}

// python makes a Python function of one module.
func python(ctx context.Context, t *testing.T, c *apiclient.Client, code string) apiclient.Function {
	t.Helper()
	rt, err := c.AwaitRuntime(ctx, "python3")
	if err != nil {
		t.Fatal(err)
	}
	zip, err := apiclient.Zip(map[string]string{"main.py": code})
	if err != nil {
		t.Fatal(err)
	}
	f, err := c.CreateFunction(ctx, apiclient.NewFunction{Name: t.Name(), RuntimeID: rt.ID, Package: zip, CPU: 1000})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// stop ends a service as an operator would; that it ends well is part of every test.
func stop(t *testing.T, s *apiclient.Service) {
	t.Helper()
	if err := s.Stop(); err != nil {
		t.Errorf("the service did not end well: %v", err)
	}
}
