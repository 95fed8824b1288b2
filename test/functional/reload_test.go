package functional

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/openstack-faas/faas/internal/apiclient"
)

// reloading is a service whose configuration the test changes.
type reloading struct {
	*testing.T
	*apiclient.Service
	ctx       context.Context
	conf, log string // files
	runtime   string
}

// hangUp writes the configuration, has it loaded, and waits until the log says so.
func (r *reloading) hangUp(conf, says string) {
	r.Helper()
	if err := os.WriteFile(r.conf, []byte(conf), 0o600); err != nil {
		r.Fatal(err)
	}
	if err := syscall.Kill(r.PID(), syscall.SIGHUP); err != nil {
		r.Fatal(err)
	}
	await(r.ctx, r.T, "the log says "+says, func() bool { return strings.Contains(r.logged(), says) })
}

func (r *reloading) logged() string {
	text, err := os.ReadFile(r.log)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		r.Fatal(err)
	}
	return string(text)
}

// slow tries to make a function with a long timeout, and returns the status of the answer.
func (r *reloading) slow() int {
	r.Helper()
	zip, err := apiclient.Zip(map[string]string{"main.py": "def main():\n    pass\n"})
	if err != nil {
		r.Fatal(err)
	}
	_, err = r.Client.CreateFunction(r.ctx, apiclient.NewFunction{
		Name: "slow", RuntimeID: r.runtime, Package: zip, Timeout: 500,
	})
	var refused *apiclient.Error
	switch {
	case err == nil:
		return 201
	case errors.As(err, &refused):
		return refused.Status
	}
	r.Fatal(err)
	return 0
}

// TestReload changes the configuration of a service that runs. What can be is taken up, the rest is
// named as what needs a restart, and a file that cannot be read changes nothing. The log goes on in
// a new file when the old one was moved away.
func TestReload(t *testing.T) {
	dir := t.TempDir()
	r := &reloading{
		T: t, ctx: testContext(t), conf: filepath.Join(dir, "faas.conf"), log: filepath.Join(dir, "faas.log"),
	}
	rules := filepath.Join(dir, "policy.d")
	if err := os.Mkdir(rules, 0o755); err != nil {
		t.Fatal(err)
	}
	common := "[DEFAULT]\nlog_file = " + r.log + "\n[oslo_policy]\nreload_interval = 0\npolicy_dirs = " + rules + "\n"
	r.Service = start(r.ctx, t, dir, common, &logBuffer{})
	defer stop(t, r.Service)
	runtime, err := r.Client.AwaitRuntime(r.ctx, "python3")
	if err != nil {
		t.Fatal(err)
	}
	r.runtime = runtime.ID
	if got := r.slow(); got != 400 {
		t.Errorf("a timeout beyond the limit is answered with %d", got)
	}

	old := r.log + ".1"
	if err := os.Rename(r.log, old); err != nil {
		t.Fatal(err)
	}
	rule := []byte("runtime:get_all: [\"role:nobody\"]\n")
	if err := os.WriteFile(filepath.Join(rules, "a.yaml"), rule, 0o600); err != nil {
		t.Fatal(err)
	}
	r.hangUp("[DEFAULT]\ndebug = true\n"+common[len("[DEFAULT]\n"):]+
		"[api]\nmax_limit = 7\n[quota]\nfunctions = 1\n[resource_limits]\nmax_timeout = 500\n", "max_timeout")
	for _, line := range []string{
		`level=INFO msg="an option has changed" option="[DEFAULT] debug" before=false now=true`,
		`level=INFO msg="an option has changed" option="[quota] functions" before=100 now=1`,
		`level=INFO msg="an option has changed" option="[resource_limits] max_timeout" before=300 now=500`,
		`level=WARN msg="an option has changed, which needs a restart" option="[api] max_limit" ` +
			`before=1000 after=7`,
	} {
		if n := strings.Count(r.logged(), line); n != 1 {
			t.Errorf("the log has %d times %s:\n%s", n, line, r.logged())
		}
	}
	await(r.ctx, t, "the new limit holds", func() bool { return r.slow() == 201 })
	if got := r.slow(); got != 403 {
		t.Errorf("a function beyond the new quota is answered with %d", got)
	}
	await(r.ctx, t, "the new rule holds", func() bool {
		var refused *apiclient.Error
		_, err := r.Client.Runtimes(r.ctx)
		return errors.As(err, &refused) && refused.Status == 403
	})
	var made struct{ Functions []apiclient.Function }
	if err := r.Client.Do(r.ctx, "GET", "/v1/functions", nil, &made); err != nil || len(made.Functions) != 1 {
		t.Fatalf("%+v, %v", made, err)
	}
	if _, err := r.Client.Execute(r.ctx, made.Functions[0].ID, true, nil); err != nil {
		t.Fatal(err)
	}
	await(r.ctx, t, "the call has its line at level debug", func() bool {
		return strings.Contains(r.logged(), "level=DEBUG")
	})
	if text, err := os.ReadFile(old); err != nil || strings.Contains(string(text), "has changed") {
		t.Errorf("what was logged since is in the old file, too: %v", err)
	}

	r.hangUp("[quota]\nfunctions = many\n", "cannot be loaded")
	if !strings.Contains(r.logged(), `[quota] functions = \"many\": must be`) {
		t.Errorf("the log does not say why:\n%s", r.logged())
	}
	if got := r.slow(); got != 403 {
		t.Errorf("with a broken file a function beyond the quota is answered with %d", got)
	}
	r.hangUp(common, `before=1 now=100`)
	await(r.ctx, t, "the old quota holds again", func() bool {
		return r.slow() == 400 // and so does the old limit of the timeout
	})
}
