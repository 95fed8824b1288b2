package local

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openstack-faas/faas/internal/dispatch"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/orchestrator"
)

// makesFiles makes a file that must not be there yet in each folder, and says what its home has
// then.
const makesFiles = `
import os
def main(name, folders):
    for folder in folders:
        with open(os.path.join(folder, name), "x") as f:
            f.write("the function's")
    return [n for n in os.listdir(os.environ["HOME"]) if not n.startswith(".")]
`

// TestOwnFolders has files of the host where every program may write: a worker does not meet them,
// and what it writes there is in its home, where it is bounded and goes with the worker.
func TestOwnFolders(t *testing.T) {
	o := open(t, nil)
	closed := false
	defer func() {
		if !closed {
			_ = o.Close()
		}
	}()
	if o.shared != nil {
		t.Skip(o.shared)
	}
	folders := []string{"/tmp", "/var/tmp/below", "/dev/shm"}
	name := "faas-own-" + faas.NewID()
	for _, folder := range []string{"/tmp", "/var/tmp", "/dev/shm"} {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte("the host's"), 0o644); err != nil {
			t.Fatal(err)
		}
		defer os.Remove(path)
	}
	agents := dispatch.NewClient(o.Token)
	defer agents.Close()
	w, target := specialised(t, o, agents, "import os\nos.mkdir('/var/tmp/below')\n"+makesFiles, faas.DefaultMemorySize)
	input, err := json.Marshal(map[string]any{"name": name, "folders": folders})
	if err != nil {
		t.Fatal(err)
	}
	outcome, err := agents.Call(t.Context(), w, faas.Call{
		ExecutionID: faas.NewID(), Key: target.Key, Input: input, Timeout: hangTimeout,
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := string(outcome.Output); got != `["below","`+name+`"]` && got != `["`+name+`","below"]` {
		t.Errorf("its home has %s; log:\n%s", got, outcome.Log)
	}
	if _, err := os.Stat(filepath.Join(folderOf(o.run, w.ID).home(), "below", name)); err != nil {
		t.Error(err)
	}
	closed = true
	if err := o.Close(); err != nil {
		t.Error(err)
	}
	checkNothingLeft(t, o)
	for _, folder := range []string{"/tmp", "/var/tmp", "/dev/shm"} {
		if text, err := os.ReadFile(filepath.Join(folder, name)); err != nil || string(text) != "the host's" {
			t.Errorf("the host's file in %s: %q, %v", folder, text, err)
		}
	}
}

// TestSharedFoldersAreSaid has a worker's own folder where every program may write: start-up says
// that workers share it, and they work.
func TestSharedFoldersAreSaid(t *testing.T) {
	run, err := os.MkdirTemp("/tmp", "run") // short: the path of a socket may have 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(run)
	if err := os.Chmod(run, 0o755); err != nil {
		t.Fatal(err)
	}
	o := open(t, func(cfg *Config) { cfg.RunDir = run })
	said := strings.Join(o.Describe(), "\n")
	if !strings.Contains(said, "/tmp, /var/tmp: the machine's, so that functions meet each other's files there (") {
		t.Errorf("said:\n%s", said)
	}
	if err := o.SetPool(t.Context(), orchestrator.Pool{RuntimeID: "r", Image: "python3", Size: 1}); err != nil {
		t.Error(err)
	}
	if err := o.Close(); err != nil {
		t.Error(err)
	}
}

// TestScratchIsBounded has a function write more than a worker may have, by bytes, number and
// depth.
func TestScratchIsBounded(t *testing.T) {
	for name, source := range map[string]string{
		"bytes": "def main():\n    for i in range(3):\n        open('%d' % i, 'wb').write(b'x' * (512 << 10))\n",
		"depth": "import os\ndef main():\n    for i in range(200):\n        os.mkdir('d')\n        os.chdir('d')\n",
	} {
		t.Run(name, func(t *testing.T) {
			o := open(t, func(cfg *Config) { cfg.Scratch = 1 << 20 })
			defer func() {
				if err := o.Close(); err != nil {
					t.Error(err)
				}
			}()
			agents := dispatch.NewClient(o.Token)
			defer agents.Close()
			w, target := specialised(t, o, agents, source, faas.DefaultMemorySize)
			if err := o.Claimed(t.Context(), w.ID, orchestrator.Claim{Target: target}); err != nil {
				t.Fatal(err)
			}
			(&scratchWatch{o.roster}).lookAtScratch()
			events := o.Events(t.Context())
			outcome, err := agents.Call(
				t.Context(),
				w,
				faas.Call{ExecutionID: faas.NewID(), Key: target.Key, Timeout: hangTimeout},
			)
			if err != nil || outcome.Status != faas.ExecutionSuccess {
				t.Fatalf("%+v, %v", outcome, err)
			}
			(&scratchWatch{o.roster}).lookAtScratch()
			for e := range events {
				if e.Worker.ID != w.ID || e.Kind != orchestrator.Gone {
					continue
				}
				if !strings.Contains(e.Reason, "its f") {
					t.Errorf("it ended because %q", e.Reason)
				}
				return
			}
		})
	}
}

// TestTooManyFiles counts names, not only what they take.
func TestTooManyFiles(t *testing.T) {
	home := t.TempDir()
	top, err := os.Open(home)
	if err != nil {
		t.Fatal(err)
	}
	defer top.Close()
	for i := range 10 {
		if err := os.WriteFile(filepath.Join(home, fmt.Sprint(i)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for files, want := range map[int]error{10: nil, 9: errTooMany} {
		if _, err := top.Seek(0, 0); err != nil {
			t.Fatal(err)
		}
		if got := (&scratch{bytes: 1 << 30, files: files}).count(top, 0); !errors.Is(got, want) {
			t.Errorf("10 files of %d: %v", files, got)
		}
	}
}
