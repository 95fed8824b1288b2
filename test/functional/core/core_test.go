package core

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/apiclient"
	"github.com/openstack-faas/faas/test/functional/polling"
)

// env is what .cloud/env says.
var env struct {
	endpoints []string // of the APIs
	keystone  string   // with /v3
	logs      string   // folder
	pids      string   // folder: a file for each part, with its process id and start time
	database  string   // SQLAlchemy's way to write it
	world     string   // address of the host that OpenStack is on
}

const repository = "../../.."

func TestMain(m *testing.M) {
	env.keystone, env.logs, env.pids = os.Getenv("OS_AUTH_URL"), os.Getenv("FAAS_LOGS"), os.Getenv("FAAS_PIDS")
	env.database, env.world = os.Getenv("DATABASE_URL"), os.Getenv("FAAS_WORLD")
	if text := os.Getenv("FAAS_ENDPOINTS"); text != "" {
		env.endpoints = strings.Split(text, ",")
	}
	if os.Getenv("CLOUD") == "base" || len(env.endpoints) == 0 {
		fmt.Println("no cloud: these tests need root, make cloud-up CLOUD=core, and what .cloud/env says in the",
			"environment; make functional does all three")
		os.Exit(0)
	}
	code := m.Run()
	if leaks := searchEverywhere(); len(leaks) > 0 {
		fmt.Println("--- FAIL: secrets where none may be:")
		for _, leak := range leaks {
			fmt.Println("   ", leak)
		}
		code = 1
	}
	os.Exit(code)
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

// as returns a client of the first API with a token that the user has just got.
func as(ctx context.Context, t *testing.T, user string) *apiclient.Client {
	t.Helper()
	return with(t, 0, login(ctx, t, user).text)
}

// with returns a client of one of the APIs that sends the token, "" for none; every answer is
// searched for secrets.
func with(t *testing.T, api int, token string) *apiclient.Client {
	t.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	t.Cleanup(transport.CloseIdleConnections)
	c := &apiclient.Client{
		Endpoint: env.endpoints[api],
		HTTP:     &http.Client{Transport: watched{transport}},
		Header:   map[string]string{},
	}
	if token != "" {
		c.Header["X-Auth-Token"] = token
	}
	return c
}

// create makes a Python function of one module, createNode one for Node.js.
func create(ctx context.Context, t *testing.T, c *apiclient.Client, code string) apiclient.Function {
	t.Helper()
	return createIn(ctx, t, c, "python3", "main.py", code)
}

func createNode(ctx context.Context, t *testing.T, c *apiclient.Client, code string) apiclient.Function {
	t.Helper()
	return createIn(ctx, t, c, "nodejs", "main.js", code)
}

func createIn(ctx context.Context, t *testing.T, c *apiclient.Client, runtime, file, code string) apiclient.Function {
	t.Helper()
	made, err := makeFunction(ctx, t, c, runtime, file, code)
	must(t, err)
	forget(t, c, made.ID)
	return made
}

func makeFunction(
	ctx context.Context, t *testing.T, c *apiclient.Client, runtime, file, code string,
) (apiclient.Function, error) {
	t.Helper()
	rt, err := c.AwaitRuntime(ctx, runtime)
	must(t, err)
	pack, err := apiclient.Zip(map[string]string{file: code})
	must(t, err)
	return c.CreateFunction(
		ctx,
		apiclient.NewFunction{Name: t.Name(), RuntimeID: rt.ID, Package: pack, CPU: 1000, Timeout: functionTimeout},
	)
}

// forget deletes a function at the test's end.
func forget(t *testing.T, c *apiclient.Client, functionID string) {
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), hangTimeout)
		defer cancel()
		_ = c.Do(ctx, "DELETE", "/v1/functions/"+functionID, nil, nil) // the test's own outcome is told already
	})
}

// run calls the function synchronously and returns its output, or fails.
func run(ctx context.Context, t *testing.T, c *apiclient.Client, functionID string, input any) string {
	t.Helper()
	x, err := c.Execute(ctx, functionID, true, input)
	must(t, err)
	if x.Status != "success" {
		t.Fatalf("%s %s", x.Status, x.Result)
	}
	return string(x.Output())
}

const echo = "def main(**kwargs):\n    kwargs.pop('context', None)\n    return kwargs\n"

// await looks at the condition until it holds.
func await(ctx context.Context, t *testing.T, what string, condition func() bool) {
	t.Helper()
	polling.Await(ctx, t, what, condition)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// up starts every part of the cloud that does not run, or not with these settings, and waits for
// it.
func up(ctx context.Context, t *testing.T, settings ...string) {
	t.Helper()
	cmd := exec.CommandContext(ctx, repository+"/devstack/mini/up", os.Getenv("CLOUD"))
	cmd.Env = append(os.Environ(), settings...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("the cloud does not come back: %v\n%s", err, out)
	}
}

// status returns the status of an answer, 200 when it is not that of an error.
func status(err error) int {
	if err == nil {
		return http.StatusOK
	}
	var e *apiclient.Error
	if errors.As(err, &e) {
		return e.Status
	}
	return 0
}
