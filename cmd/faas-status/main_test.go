package main

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/store"
	"github.com/openstack-faas/faas/internal/store/storetest"
	"github.com/openstack-faas/faas/internal/testkit"
)

// installation is a configuration that a test spoils in one place.
type installation struct {
	t   *testing.T
	dir string
	env map[string]string
}

// install makes one that has nothing wrong with it but that it asks nobody for a token.
func install(t *testing.T) *installation {
	t.Helper()
	dir := t.TempDir()
	url := "sqlite:///" + filepath.Join(dir, "faas.sqlite")
	storetest.Migrate(t, url)
	return &installation{t, dir, map[string]string{
		"FAAS_DATABASE_CONNECTION": url, "FAAS_OSLO_POLICY_POLICY_DIRS": dir, "FAAS_WORKER_TOKEN_SECRET": strings.Repeat("s", 32),
	}}
}

func (i *installation) check(args ...string) (code int, out, complaints string) {
	i.t.Helper()
	var environ []string
	for name, value := range i.env {
		environ = append(environ, name+"="+value)
	}
	var answer, wrong bytes.Buffer
	code = run(i.t.Context(), append([]string{"upgrade", "check"}, args...), environ, &answer, &wrong)
	return code, answer.String(), wrong.String()
}

// of returns a check's outcome and details.
func (i *installation) of(name string) (outcome, string) {
	i.t.Helper()
	_, out, _ := i.check("--json")
	var all struct {
		Checks []struct {
			Check, Details string
			Result         outcome
		}
	}
	if err := json.Unmarshal([]byte(out), &all); err != nil {
		i.t.Fatalf("%v in %s", err, out)
	}
	for _, c := range all.Checks {
		if c.Check == name {
			return c.Result, c.Details
		}
	}
	i.t.Fatalf("%s is not among %s", name, out)
	return 0, ""
}

func TestTheTableIsThatOfOslo(t *testing.T) {
	i := install(t)
	code, out, complaints := i.check()
	want := `+-----------------------------------------------------------------------+
| Upgrade Check Results                                                 |
+-----------------------------------------------------------------------+
| Check: Database                                                       |
| Result: Success                                                       |
| Details: None                                                         |
+-----------------------------------------------------------------------+
| Check: Processes                                                      |
| Result: Success                                                       |
| Details: None                                                         |
+-----------------------------------------------------------------------+
| Check: Worker token secret                                            |
| Result: Success                                                       |
| Details: None                                                         |
+-----------------------------------------------------------------------+
| Check: Message broker                                                 |
| Result: Success                                                       |
| Details: In process: for faas-standalone.                             |
+-----------------------------------------------------------------------+
| Check: Keystone                                                       |
| Result: Warning                                                       |
| Details: [DEFAULT] auth_strategy = noauth: whoever reaches the API is |
|   an administrator.                                                   |
+-----------------------------------------------------------------------+
| Check: Policy files                                                   |
| Result: Success                                                       |
| Details: None                                                         |
+-----------------------------------------------------------------------+
`
	if code != 1 || out != want || complaints != "" {
		t.Errorf("%d %s\n%s, want\n%s", code, complaints, out, want)
	}
}

func TestWhatIsWrongIsNamed(t *testing.T) {
	const password = "THE-PASSWORD"
	for name, c := range map[string]struct {
		spoil   func(i *installation)
		check   string
		outcome outcome
		details string
	}{
		"no database":    {func(i *installation) { i.env["FAAS_DATABASE_CONNECTION"] = "sqlite:////nonexistent/faas.sqlite" }, "Database", failure, "cannot be read"},
		"a short secret": {func(i *installation) { i.env["FAAS_WORKER_TOKEN_SECRET"] = password }, "Worker token secret", failure, "[worker] token_secret"},
		"its own secret": {func(i *installation) { delete(i.env, "FAAS_WORKER_TOKEN_SECRET") }, "Worker token secret", success, "makes its own"},
		"no RabbitMQ": {func(i *installation) {
			i.env["FAAS_DEFAULT_TRANSPORT_URL"] = "rabbit://u:" + password + "@127.0.0.1:1/"
		}, "Message broker", failure, "127.0.0.1:1"},
		"a wrong URL": {func(i *installation) { i.env["FAAS_DEFAULT_TRANSPORT_URL"] = "rabbit://u:" + password + "@h:x/" }, "Message broker", failure, "each host must be"},
		"no secret at all": {func(i *installation) {
			i.env["FAAS_DEFAULT_TRANSPORT_URL"] = "rabbit://u:p@127.0.0.1:1/"
			delete(i.env, "FAAS_WORKER_TOKEN_SECRET")
		}, "Worker token secret", failure, "token_secret"},
		"no Keystone": {func(i *installation) {
			i.env["FAAS_DEFAULT_AUTH_STRATEGY"], i.env["FAAS_KEYSTONE_AUTHTOKEN_AUTH_URL"] = "keystone", "http://127.0.0.1:1/v3"
			i.env["FAAS_KEYSTONE_AUTHTOKEN_PASSWORD"] = password
		}, "Keystone", failure, "as the user faas"},
		"an empty section":       {func(i *installation) { i.env["FAAS_DEFAULT_AUTH_STRATEGY"] = "keystone" }, "Keystone", failure, "[keystone_authtoken]"},
		"Swift without Keystone": {func(i *installation) { i.env["FAAS_STORAGE_PROVIDER"] = "swift" }, "Keystone", failure, "needs [DEFAULT] auth_strategy"},
		"a broken rule": {func(i *installation) {
			if err := os.WriteFile(filepath.Join(i.dir, "a.yaml"), []byte("function:create: [boss]\n"), 0o600); err != nil {
				i.t.Fatal(err)
			}
		}, "Policy files", failure, "a.yaml:1: "},
	} {
		t.Run(name, func(t *testing.T) {
			i := install(t)
			c.spoil(i)
			got, details := i.of(c.check)
			if got != c.outcome || !strings.Contains(details, c.details) {
				t.Errorf("%s: %q, want %s: %q", got, details, c.outcome, c.details)
			}
			if strings.Contains(details, password) {
				t.Errorf("the password is in %s", details)
			}
			code, _, _ := i.check()
			if want := max(int(c.outcome), 1); code != want { // noauth alone is a warning
				t.Errorf("the exit code is %d, want %d", code, want)
			}
		})
	}
}

// TestProcessesOfAnOlderRelease has one process announce itself, and another that knows less.
func TestProcessesOfAnOlderRelease(t *testing.T) {
	i := install(t)
	url := i.env["FAAS_DATABASE_CONNECTION"]
	s, err := store.Open(t.Context(), url, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, name := range []string{"api-1", "api-2"} {
		if err := s.AnnounceProcess(t.Context(), store.Process{Name: name, Program: "faas-api", Version: "v1"}); err != nil {
			t.Fatal(err)
		}
	}
	if got, details := i.of("Processes"); got != success {
		t.Errorf("%s: %s", got, details)
	}
	db, err := sql.Open("sqlite", "file:"+strings.TrimPrefix(url, "sqlite:///"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(`UPDATE processes SET migration = 28 WHERE name = 'api-2'`); err != nil {
		t.Fatal(err)
	}
	got, details := i.of("Processes")
	if got != warning || !strings.Contains(details, "faas-api api-2 (v1, schema 28).") {
		t.Errorf("%s: %s", got, details)
	}
}

func TestChecksThatCannotBeMade(t *testing.T) {
	for _, args := range [][]string{{"upgrade"}, {"upgrade", "check", "now"}, {"--config-file", "/nonexistent/faas.conf", "upgrade", "check"}, {"--frobnicate"}} {
		var out, complaints bytes.Buffer
		if code := run(t.Context(), args, nil, &out, &complaints); code != 255 || complaints.Len() == 0 {
			t.Errorf("%v: %d %s", args, code, complaints.String())
		}
	}
	var out, complaints bytes.Buffer
	if code := run(t.Context(), []string{"--help"}, nil, &out, &complaints); code != 0 ||
		!strings.Contains(out.String(), "exit codes") {
		t.Errorf("%d %s", code, out.String())
	}
}

// TestRealBroker has RabbitMQ in earnest, a password that it does not take, and TLS.
func TestRealBroker(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	server, err := testkit.StartRabbitMQ(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Stop() })
	i := install(t)
	i.env["FAAS_DEFAULT_TRANSPORT_URL"] = server.URL()
	if got, details := i.of("Message broker"); got != success {
		t.Errorf("%s: %s", got, details)
	}
	i.env["FAAS_DEFAULT_TRANSPORT_URL"] = "rabbit://faas:WRONG-PASSWORD@" + server.Address() + "/"
	if got, details := i.of("Message broker"); got != failure || strings.Contains(details, "WRONG-PASSWORD") {
		t.Errorf("%s: %s", got, details)
	}
	i.env["FAAS_DEFAULT_TRANSPORT_URL"] = server.URLAt(server.TLSAddress())
	if got, details := i.of("Message broker"); got != failure || !strings.Contains(details, "ssl = true") {
		t.Errorf("without TLS: %s: %s", got, details)
	}
	i.env["FAAS_OSLO_MESSAGING_RABBIT_SSL"] = "true"
	if got, details := i.of("Message broker"); got != failure || !strings.Contains(details, "ssl_ca_file") {
		t.Errorf("without the authority: %s: %s", got, details)
	}
	i.env["FAAS_OSLO_MESSAGING_RABBIT_SSL_CA_FILE"] = server.CAFile()
	if got, details := i.of("Message broker"); got != success {
		t.Errorf("by TLS: %s: %s", got, details)
	}
}
