package local

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestVersion(t *testing.T) {
	for text, want := range map[string]struct {
		major, minor int
		ok           bool
	}{
		"Python 3.11.2\n": {3, 11, true},
		"v20.9.0":         {20, 9, true},
		"Python 3.13.0a1": {3, 13, true},
		"":                {0, 0, false},
		"hello":           {0, 0, false},
		"Python three.x":  {0, 0, false},
	} {
		major, minor, ok := version(text)
		if ok != want.ok || ok && (major != want.major || minor != want.minor) {
			t.Errorf("%q: %d.%d %v", text, major, minor, ok)
		}
	}
}

// script makes a program that answers as an interpreter would, in a folder of the mode.
func script(t *testing.T, answer string, mode os.FileMode) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "faas-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	path := filepath.Join(dir, "python3")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+answer+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestInterpreterIsTheFirstThatWillDo(t *testing.T) {
	var as *syscall.Credential
	if os.Geteuid() == 0 {
		as = &syscall.Credential{Uid: 210000, Gid: 210000}
	}
	old := script(t, "echo Python 3.7.9", 0o755)
	odd := script(t, "echo what", 0o755)
	broken := script(t, "echo no library >&2; exit 1", 0o755)
	good := script(t, "echo Python 3.8.0", 0o755)
	closed := script(t, "echo Python 3.11.0", 0o700)
	choice := interpreterChoice{candidates: []string{"/no/such", old, odd, broken, good, closed}, minMajor: 3, minMinor: 8}
	if path, err := choice.find(t.Context(), as); err != nil || path != good {
		t.Errorf("found %q, %v", path, err)
	}
	choice.candidates = []string{"/no/such", "no-such-name", old, odd, broken}
	reasons := []string{
		"/no/such: no such file",
		"no-such-name: executable file not found",
		"version 3.7 is older than 3.8",
		`"what"`,
		"no library",
	}
	if as != nil {
		choice.candidates = append(choice.candidates, closed)
		reasons = append(reasons, "a worker's user cannot run it")
	}
	_, err := choice.find(t.Context(), as)
	if err == nil {
		t.Fatal("found one")
	}
	for _, reason := range reasons {
		if !strings.Contains(err.Error(), reason) {
			t.Errorf("does not say %q: %v", reason, err)
		}
	}
}

func TestInterpreterProbeEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	choice := interpreterChoice{candidates: []string{script(t, "exec sleep 600", 0o755)}}
	if path, err := choice.find(ctx, nil); err == nil {
		t.Errorf("found %s", path)
	}
}
