package local

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openstack-faas/faas/internal/faas"
)

func TestStateIsForOneProcess(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	state, err := openState(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := openState(dir); err == nil || !strings.Contains(err.Error(), dir) {
		t.Errorf("a second process got it too: %v", err)
	}
	if err := state.close(); err != nil {
		t.Fatal(err)
	}
	again, err := openState(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = again.close() }()
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("mode of the folder: %v, %v", info.Mode(), err)
	}
}

func TestRecords(t *testing.T) {
	state, err := openState(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = state.close() }()
	want := record{ID: faas.NewID(), PID: 7, Started: 8, UID: 9}
	short := faas.NewID()
	if err := state.keep(want); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(state.recordPath(short), []byte(`{"id":"`), 0o600); err != nil {
		t.Fatal(err)
	}
	records, err := state.records()
	if err != nil || len(records) != 2 {
		t.Fatalf("%v, %v", records, err)
	}
	for _, r := range records {
		if r != want && r != (record{ID: short}) {
			t.Errorf("read %+v", r)
		}
		state.drop(r.ID)
	}
	if records, err := state.records(); err != nil || len(records) > 0 {
		t.Errorf("left: %v, %v", records, err)
	}
}

func TestSecret(t *testing.T) {
	dir := t.TempDir()
	first, err := loadSecret(dir)
	if err != nil || len(first) != secretSize {
		t.Fatalf("%x, %v", first, err)
	}
	second, err := loadSecret(dir)
	if err != nil || !bytes.Equal(first, second) {
		t.Errorf("another secret the second time: %v", err)
	}
	if info, err := os.Stat(filepath.Join(dir, secretFile)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode of the file: %v, %v", info.Mode(), err)
	}
	if err := os.WriteFile(filepath.Join(dir, secretFile), []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := loadSecret(dir); err == nil {
		t.Error("a secret that was cut short was taken")
	}
}

func TestTokensDiffer(t *testing.T) {
	one, two := &host{secret: []byte("one")}, &host{secret: []byte("two")}
	seen := map[string]bool{}
	for _, token := range []string{one.Token("a"), one.Token("b"), two.Token("a"), one.Token("")} {
		if len(token) != 64 || seen[token] {
			t.Errorf("token %q", token)
		}
		seen[token] = true
	}
	if again := (&host{secret: []byte("one")}).Token("a"); !seen[again] {
		t.Error("a worker's token changes with the service's start")
	}
}

// Workers with users of their own cannot pass through a home directory: their folder must be
// elsewhere, or is refused.
func TestRunDirIsReachable(t *testing.T) {
	closed := filepath.Join(t.TempDir(), "home")
	if err := os.Mkdir(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	state, err := openState(filepath.Join(closed, "state"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = state.close() }()
	if _, err := state.makeRunDir(closed, true); err == nil || !strings.Contains(err.Error(), "must be searchable") {
		t.Errorf("a run directory that no worker reaches was taken: %v", err)
	}
	long := filepath.Join(closed, strings.Repeat("x", 100))
	if _, err := state.makeRunDir(long, false); err == nil || !strings.Contains(err.Error(), "too long") {
		t.Errorf("a run directory too deep for sockets was taken: %v", err)
	}
	t.Setenv("TMPDIR", closed)
	run, err := state.makeRunDir("", true)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = removeTree(run) }()
	if strings.HasPrefix(run, closed) {
		t.Errorf("chose %s", run)
	}
	if old, err := state.oldRunDir(); err != nil || old != run {
		t.Errorf("it will be looked for at %q: %v", old, err)
	}
}
