package runtimes_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/openstack-faas/faas/runtimes"
)

func TestForImage(t *testing.T) {
	for image, want := range map[string]string{
		"python3": "python3", "docker.io/openstackfaas/python3:1.0": "python3", "host:5000/python-runtime": "python3",
		"nodejs": "nodejs", "node:20": "nodejs", "x/nodejs@sha256:ab": "nodejs",
		"": "", "perl": "", "python3/perl": "", "python3x": "",
	} {
		r, ok := runtimes.ForImage(image)
		if r.Name != want || ok != (want != "") {
			t.Errorf("%q: got %q, %v, want %q", image, r.Name, ok, want)
		}
	}
}

func TestExtract(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "shims")
	for range 2 { // the second time everything is there already
		if err := runtimes.Extract(dir); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range runtimes.Names() {
		r, ok := runtimes.ForImage(name)
		if !ok {
			t.Fatalf("%s is no image", name)
		}
		command := r.Command("/interpreter", dir)
		if command[0] != "/interpreter" {
			t.Errorf("command %q", command)
		}
		info, err := os.Stat(command[len(command)-1])
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != 0o444 {
			t.Errorf("%s has mode %v", info.Name(), info.Mode())
		}
	}
	left, _ := filepath.Glob(filepath.Join(dir, "*", ".new-*"))
	if len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if names := runtimes.Names(); !slices.IsSorted(names) {
		t.Errorf("names %v", names)
	}
}
