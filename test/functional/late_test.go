package functional

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openstack-faas/faas/internal/testkit"
)

// TestLateOutput has a thread of one execution print while another execution runs on its worker:
// it is in neither's log, and in the service's with both ids.
func TestLateOutput(t *testing.T) {
	ctx := testContext(t)
	var log logBuffer
	s := start(ctx, t, t.TempDir(), "[engine]\nmax_workers_per_function = 1\n", &log)
	defer stop(t, s)
	f := python(ctx, t, s.Client, `
import os, threading, time
def await_file(path):
    while not os.path.exists(path):
        time.sleep(0.01)
def late(folder):
    await_file(os.path.join(folder, "second"))
    print("printed too late")
    open(os.path.join(folder, "printed"), "w").close()
def main(n, folder):
    print("call", n)
    if n == 1:
        threading.Thread(target=late, args=[folder]).start()
        return
    open(os.path.join(folder, "second"), "w").close()
    await_file(os.path.join(folder, "printed"))
`)
	folder := testkit.SharedFolder(t)
	var ids []string
	for n := 1; n <= 2; n++ {
		x, err := s.Client.Execute(ctx, f.ID, true, map[string]any{"n": n, "folder": folder})
		if err != nil {
			t.Fatal(err)
		}
		text, err := s.Client.Log(ctx, x.ID)
		if err != nil {
			t.Fatal(err)
		}
		if want := "call " + string(rune('0'+n)) + "\n"; text != want {
			t.Errorf("the log of execution %d is %q", n, text)
		}
		ids = append(ids, x.ID)
	}
	if _, err := os.Stat(filepath.Join(folder, "printed")); err != nil {
		t.Error(err)
	}
	await(ctx, t, "the service's log has what was late", func() bool {
		for line := range strings.Lines(log.String()) {
			if strings.Contains(line, "execution_id="+ids[0]+" during="+ids[1]) && strings.Contains(line, "printed too late") {
				return true
			}
		}
		return false
	})
}
