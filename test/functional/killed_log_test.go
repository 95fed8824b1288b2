package functional

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openstack-faas/faas/internal/testkit"
)

// chatty prints, and never ends by itself.
const chatty = `
import os, time
def main(path):
    print("before the end", flush=True)
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o666))
    while True:
        time.sleep(1)
`

// TestLogOfKilledCalls kills the service with calls under way: what they had printed is in their
// logs, while they run and when they are settled.
func TestLogOfKilledCalls(t *testing.T) {
	ctx := testContext(t)
	dir, folder := t.TempDir(), testkit.SharedFolder(t)
	conf := "[engine]\nlease = 2\nreap_interval = 1\n"
	var log logBuffer
	s := start(ctx, t, dir, conf, &log)
	f := python(ctx, t, s.Client, chatty).ID
	queued, err := s.Client.Execute(ctx, f, false, map[string]any{"path": filepath.Join(folder, "queued")})
	if err != nil {
		t.Fatal(err)
	}
	answered := make(chan struct{})
	go func() { // nobody will be answered
		defer close(answered)
		_, _ = s.Client.Execute(ctx, f, true, map[string]any{"path": filepath.Join(folder, "waits")})
	}()
	for _, name := range []string{"queued", "waits"} {
		await(ctx, t, "the call runs", func() bool {
			_, err := os.Stat(filepath.Join(folder, name))
			return err == nil
		})
	}
	var waits string
	await(ctx, t, "the logs so far are kept", func() bool {
		var list struct{ Executions []struct{ ID string } }
		if err := s.Client.Do(ctx, "GET", "/v1/executions?function_id="+f, nil, &list); err != nil {
			t.Fatal(err)
		}
		kept := 0
		for _, x := range list.Executions {
			if x.ID != queued.ID {
				waits = x.ID
			}
			if text, err := s.Client.Log(ctx, x.ID); err == nil && text == "before the end\n" {
				kept++
			}
		}
		return kept == 2
	})
	s.Kill()
	<-answered
	s = start(ctx, t, dir, conf, &log)
	defer stop(t, s)
	x, err := s.Client.Await(ctx, queued.ID, 0)
	if err != nil || x.Status != "error" || !strings.Contains(x.Result, "may have run") {
		t.Errorf("%+v, %v", x, err)
	}
	for _, id := range []string{queued.ID, waits} { // the latter is settled when its call would be over
		if text, err := s.Client.Log(ctx, id); err != nil || text != "before the end\n" {
			t.Errorf("the log is %q, %v", text, err)
		}
	}
}
