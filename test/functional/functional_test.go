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
	"github.com/openstack-faas/faas/test/functional/polling"
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

// hangTimeout ends a test that hangs. No machine is so slow that a test which makes progress
// reaches it.
const hangTimeout = 30 * time.Minute

// functionTimeout, in seconds, is what functions of these tests may take unless the test is about
// that timeout: the default of 5 s is too short for a machine that is ten times slower or stalls.
const functionTimeout = 120

// testContext returns a context that ends with the test, and with hangTimeout at the latest.
func testContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), hangTimeout)
	t.Cleanup(cancel)
	return ctx
}

// start starts a service whose state is in dir with the configuration given, and stops it when the
// test ends.
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
	return pythonWithin(ctx, t, c, code, functionTimeout)
}

// pythonWithin makes a Python function that may take so many seconds.
func pythonWithin(ctx context.Context, t *testing.T, c *apiclient.Client, code string, timeout int) apiclient.Function {
	t.Helper()
	rt, err := c.AwaitRuntime(ctx, "python3")
	if err != nil {
		t.Fatal(err)
	}
	zip, err := apiclient.Zip(map[string]string{"main.py": code})
	if err != nil {
		t.Fatal(err)
	}
	f, err := c.CreateFunction(
		ctx, apiclient.NewFunction{Name: t.Name(), RuntimeID: rt.ID, Package: zip, CPU: 1000, Timeout: timeout},
	)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// await looks at the condition until it holds.
func await(ctx context.Context, t *testing.T, what string, condition func() bool) {
	t.Helper()
	polling.Await(ctx, t, what, condition)
}

// stop ends a service as an operator would; that it ends well is part of every test.
func stop(t *testing.T, s *apiclient.Service) {
	t.Helper()
	if err := s.Stop(); err != nil {
		t.Errorf("the service did not end well: %v", err)
	}
}
