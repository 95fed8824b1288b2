package keystone

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestEndpoint finds URLs by type, region and interface, and puts another project into them.
func TestEndpoint(t *testing.T) {
	c, fake, _ := newTest(t, nil)
	base := strings.TrimSuffix(fake.URL, "/v3")
	got, err := c.Endpoint(t.Context(), "object-store")
	if err != nil || got != base+"/one/internal/v1/AUTH_service-project" {
		t.Errorf("%s, %v", got, err)
	}
	got, err = c.EndpointFor(t.Context(), "object-store", "p-demo")
	if err != nil || got != base+"/one/internal/v1/AUTH_p-demo" {
		t.Errorf("%s, %v", got, err)
	}
	if got, err = c.EndpointFor(t.Context(), "identity", "p-demo"); !errors.Is(err, ErrNotFound) {
		t.Errorf("a URL without a project: %s, %v", got, err)
	}
	if got, err = c.Endpoint(t.Context(), "compute"); !errors.Is(err, ErrNotFound) ||
		!strings.Contains(err.Error(), "compute") {
		t.Errorf("a service that is not there: %s, %v", got, err)
	}
	if _, logins := fake.Requests(); logins != 1 {
		t.Errorf("the catalogue was got %d times", logins)
	}
}

// TestEndpointRegions has no region be chosen where there are several, one that there is not, and
// another interface.
func TestEndpointRegions(t *testing.T) {
	c, _, _ := newTest(t, func(cfg *Config) { cfg.Region = "" })
	if got, err := c.Endpoint(t.Context(), "object-store"); err == nil || !strings.Contains(err.Error(), "one or two") {
		t.Errorf("no region: %s, %v", got, err)
	}
	c, _, _ = newTest(t, func(cfg *Config) { cfg.Region = "three" })
	if got, err := c.Endpoint(t.Context(), "object-store"); !errors.Is(err, ErrNotFound) {
		t.Errorf("a region that is not there: %s, %v", got, err)
	}
	c, _, _ = newTest(t, func(cfg *Config) { cfg.Region, cfg.Interface = "two", "public" })
	if got, err := c.Endpoint(t.Context(), "object-store"); err != nil || !strings.Contains(got, "/two/public/") {
		t.Errorf("another region and interface: %s, %v", got, err)
	}
}

// TestNewChecks has configurations that cannot work.
func TestNewChecks(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(empty, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	right := Config{AuthURL: "http://keystone:5000/v3", Username: "faas", Password: "secret-word", Project: "service"}
	for name, change := range map[string]func(*Config){
		"no URL":            func(c *Config) { c.AuthURL = "" },
		"no scheme":         func(c *Config) { c.AuthURL = "keystone:5000/v3" },
		"a password in it":  func(c *Config) { c.AuthURL = "http://faas:secret-word@keystone:5000/v3" },
		"no user":           func(c *Config) { c.Username = "" },
		"no password":       func(c *Config) { c.Password = "" },
		"no project":        func(c *Config) { c.Project = "" },
		"no certificates":   func(c *Config) { c.CAFile = empty },
		"no such file":      func(c *Config) { c.CAFile = empty + "x" },
		"another file type": func(c *Config) { c.AuthURL = "file:///v3" },
	} {
		cfg := right
		change(&cfg)
		if _, err := New(cfg); err == nil || strings.Contains(err.Error(), "secret-word") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, url := range []string{"http://keystone:5000", "http://keystone:5000/", "http://keystone:5000/v3", "http://keystone:5000/v3/"} {
		cfg := right
		cfg.AuthURL = url
		if c, err := New(cfg); err != nil || c.AuthURL() != "http://keystone:5000/v3" {
			t.Errorf("%s: %v", url, err)
		}
	}
}

// TestProjectEnabled has a project be disabled, deleted and unknown, and Keystone away.
func TestProjectEnabled(t *testing.T) {
	c, fake, clock := newTest(t, nil)
	check := func(id string, want bool) {
		t.Helper()
		if got, err := c.ProjectEnabled(t.Context(), id); err != nil || got != want {
			t.Errorf("%s: %t, %v", id, got, err)
		}
	}
	fake.Project("p", true)
	check("p", true)
	check("none", false)
	fake.Project("p", false)
	if n := asked(fake, func() { check("p", true) }); n != 0 {
		t.Errorf("asked %d times", n)
	}
	clock.pass(projectTime)
	check("p", false)
	fake.Answer(http.StatusBadGateway)
	clock.pass(projectTime)
	check("p", false) // as it was last
	if _, err := c.ProjectEnabled(t.Context(), "unknown"); !errors.Is(err, ErrUnavailable) {
		t.Errorf("unknown: %v", err)
	}
	clock.pass(time.Hour)
	if _, err := c.ProjectEnabled(t.Context(), "p"); !errors.Is(err, ErrUnavailable) {
		t.Errorf("after the outage time: %v", err)
	}
}
