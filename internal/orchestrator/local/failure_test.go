package local

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/orchestrator"
)

// Whatever is wrong with the agent, the runtime's owner soon gets an error that says it.
func TestAgentsThatDoNotStart(t *testing.T) {
	for _, test := range []struct{ name, answer, told string }{
		{"ends", "echo 'this host is too old' >&2; exit 3", "exit status 3; it said: this host is too old"},
		{"ends well", "exit 0", "its agent ended: status 0"},
		{"says why not", `read config; echo '{"state":"failed","message":"no such module"}'; exit 1`, "no such module"},
		{"says something else", "read config; echo hello; exec sleep 600", "something else"},
		{"says something endless", "read config; head -c 100000 /dev/zero; exec sleep 600", "endless"},
		{"closes its pipe", "exec <&-; echo 'cannot read' >&2; exit 1", "cannot read"},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := open(t, func(cfg *Config) { cfg.Agent = script(t, test.answer, 0o755) })
			err := o.SetPool(t.Context(), orchestrator.Pool{RuntimeID: "r", Image: "python3", Size: 2})
			if faas.KindOf(err) != faas.Unavailable || !strings.Contains(err.Error(), test.told) {
				t.Errorf("said: %v", err)
			}
			if err := o.Close(); err != nil {
				t.Error(err)
			}
			checkNothingLeft(t, o)
		})
	}
}

func TestNoAgentAtAll(t *testing.T) {
	o := open(t, func(cfg *Config) { cfg.Agent = "/no/such/agent" })
	err := o.SetPool(t.Context(), orchestrator.Pool{RuntimeID: "r", Image: "python3", Size: 1})
	if faas.KindOf(err) != faas.Unavailable || !strings.Contains(err.Error(), "/no/such/agent") {
		t.Errorf("said: %v", err)
	}
	if err := o.Close(); err != nil {
		t.Error(err)
	}
	checkNothingLeft(t, o)
}

func TestSetPoolIsCalledOff(t *testing.T) {
	o := open(t, func(cfg *Config) { cfg.Agent = script(t, "exec sleep 600", 0o755) })
	pool := orchestrator.Pool{RuntimeID: "r", Image: "nodejs"}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := o.SetPool(ctx, pool); !errors.Is(err, context.Canceled) { // before its interpreter was found
		t.Errorf("said: %v", err)
	}
	if err := o.SetPool(t.Context(), pool); err != nil {
		t.Fatal(err)
	}
	pool.Size = 1
	if err := o.SetPool(ctx, pool); faas.KindOf(err) != faas.Unavailable || !errors.Is(err, context.Canceled) {
		t.Errorf("said: %v", err)
	}
	if err := o.Close(); err != nil {
		t.Error(err)
	}
	checkNothingLeft(t, o)
}

func TestConfigThatIsWrong(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"no directory":     func(cfg *Config) { cfg.Dir = "" },
		"a file":           func(cfg *Config) { cfg.Dir = "/dev/null" },
		"root as a worker": func(cfg *Config) { cfg.Users = Users{First: 0, Last: 10} },
		"no users":         func(cfg *Config) { cfg.Users = Users{First: 10, Last: 9} },
	} {
		cfg := testConfig(filepath.Join(t.TempDir(), "state"))
		change(&cfg)
		if o, err := New(t.Context(), cfg); err == nil {
			t.Errorf("%s: taken", name)
			_ = o.Close()
		}
	}
}
