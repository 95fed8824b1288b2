package agentconfig

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

func goodConfig() Config {
	return Config{
		WorkerID: "w", Token: strings.Repeat("t", 32), Listen: "unix:/run/w", RunDir: "/r", CodeDir: "/c", HomeDir: "/h",
		Runtime: Process{Command: []string{"/usr/bin/python3", "main.py"}, UID: 1000},
	}
}

func TestConfigDefaults(t *testing.T) {
	text, err := json.Marshal(goodConfig())
	if err != nil {
		t.Fatal(err)
	}
	c, err := Read(strings.NewReader(string(text) + "\n"))
	if err != nil {
		t.Fatal(err)
	}
	if c.Slots != faas.DefaultConcurrency || c.Limits != faas.DefaultProcessLimits() || c.Runtime.GID != 1000 ||
		c.Timeouts.Kill != 2*time.Second {
		t.Errorf("got %+v", c)
	}
}

func TestConfigRefused(t *testing.T) {
	for says, change := range map[string]func(*Config){
		"worker_id":       func(c *Config) { c.WorkerID = "" },
		"token":           func(c *Config) { c.Token = "short" },
		"listen":          func(c *Config) { c.Listen = "udp:1" },
		"slots":           func(c *Config) { c.Slots = -1 },
		"runtime.command": func(c *Config) { c.Runtime.Command = []string{"python3"} },
		"runtime.uid":     func(c *Config) { c.Runtime.UID = -1 },
		"run_dir":         func(c *Config) { c.RunDir = "run" },
		"code_dir":        func(c *Config) { c.CodeDir = "" },
		"home_dir":        func(c *Config) { c.HomeDir = "." },
	} {
		c := goodConfig()
		change(&c)
		text, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Read(strings.NewReader(string(text))); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: got %v", says, err)
		}
	}
	for _, text := range []string{"", "{", "[]", `{"slots":"three"}`} {
		if _, err := Read(strings.NewReader(text)); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
}
