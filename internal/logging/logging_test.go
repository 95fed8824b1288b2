package logging

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// TestRotation moves the file away and has it opened anew while lines are written: none is lost,
// cut or in both files.
func TestRotation(t *testing.T) {
	file := filepath.Join(t.TempDir(), "faas.log")
	l, err := New(Options{File: file})
	if err != nil {
		t.Fatal(err)
	}
	const writers, each = 4, 500
	var writing sync.WaitGroup
	for range writers {
		writing.Go(func() {
			for range each {
				l.Info("a line", "of", strings.Repeat("x", 100))
			}
		})
	}
	if err := os.Rename(file, file+".1"); err != nil {
		t.Fatal(err)
	}
	if err := l.Reopen(); err != nil {
		t.Fatal(err)
	}
	writing.Wait()
	l.Info("a line", "of", "after")
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	lines := 0
	for _, name := range []string{file, file + ".1"} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if !strings.HasPrefix(line, "time=") || !strings.HasSuffix(line, "\n") {
				t.Errorf("a line is cut: %q", line)
			}
			lines++
		}
		if after := strings.Contains(string(text), "of=after"); after != (name == file) {
			t.Errorf("%s has what was written at last: %v", name, after)
		}
	}
	if want := writers*each + 1; lines != want {
		t.Errorf("%d lines are left of %d", lines, want)
	}
}

func TestTheLevelChanges(t *testing.T) {
	file := filepath.Join(t.TempDir(), "faas.log")
	l, err := New(Options{File: file, JSON: true})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	l.Debug("first")
	l.SetDebug(true)
	l.With("a", "b").Debug("second")
	l.SetDebug(false)
	l.Debug("third")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got := string(text); strings.Count(got, "\n") != 1 || !strings.Contains(got, `"msg":"second"`) {
		t.Errorf("got %s", got)
	}
}

// TestAFileThatIsGone keeps the file that is open when its name cannot be opened any more.
func TestAFileThatIsGone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	l, err := New(Options{File: filepath.Join(dir, "faas.log")})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := os.Rename(dir, dir+".1"); err != nil {
		t.Fatal(err)
	}
	if err := l.Reopen(); err == nil || !strings.Contains(err.Error(), "[DEFAULT] log_file") {
		t.Errorf("got %v", err)
	}
	l.Info("still here")
	text, err := os.ReadFile(filepath.Join(dir+".1", "faas.log"))
	if err != nil || !strings.Contains(string(text), "still here") {
		t.Errorf("got %s, %v", text, err)
	}
}
