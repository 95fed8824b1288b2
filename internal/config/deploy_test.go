package config

import (
	"os"
	"regexp"
	"strconv"
	"testing"
	"time"
)

// TestEverybodyWaitsForCalls holds what the shipped files give a process to end against what it may
// take with the configuration's defaults.
func TestEverybodyWaitsForCalls(t *testing.T) {
	var c Standalone
	if err := Load(&c, Sources{}); err != nil {
		t.Fatal(err)
	}
	most := c.API.DrainTime + c.Default.Shutdown(c.API, c.Limits)
	if longest := c.API.CallWait + c.Limits.MaxTimeoutDuration(); most <= longest {
		t.Errorf("a process waits %v, and a call may take %v", most, longest)
	}
	given := regexp.MustCompile(`(?m)^ *(?:terminationGracePeriodSeconds: |terminationGracePeriod: |TimeoutStopSec=)(\d+)$`)
	for file, times := range map[string]int{
		"kubernetes/base/api.yaml": 1, "kubernetes/base/engine.yaml": 1, "kubernetes/gateway/gateway.yaml": 1,
		"helm/faas/values.yaml": 3, "systemd/faas-api.service": 1, "systemd/faas-engine.service": 1,
	} {
		text, err := os.ReadFile("../../deploy/" + file)
		if err != nil {
			t.Fatal(err)
		}
		found := given.FindAllSubmatch(text, -1)
		if len(found) != times {
			t.Errorf("%s gives a time to end %d times, want %d", file, len(found), times)
		}
		for _, f := range found {
			if n, _ := strconv.Atoi(string(f[1])); time.Duration(n)*time.Second <= most {
				t.Errorf("%s: %s s is not more than %v", file, f[1], most)
			}
		}
	}
	c.Default.ShutdownTimeout = 7 * time.Second
	if got := c.Default.Shutdown(c.API, c.Limits); got != 7*time.Second {
		t.Errorf("what the operator says is %v", got)
	}
}
