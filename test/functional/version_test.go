package functional

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
)

// TestVersions asks every program that is built which one it is.
func TestVersions(t *testing.T) {
	ctx := testContext(t)
	programs, err := filepath.Glob("../../cmd/faas-*")
	if err != nil || len(programs) < 6 {
		t.Fatalf("programs %q: %v", programs, err)
	}
	for _, program := range programs {
		name := filepath.Base(program)
		t.Run(name, func(t *testing.T) {
			cmd := exec.CommandContext(ctx, filepath.Join("../../bin", name), "--version")
			cmd.Stderr = os.Stderr
			out, err := cmd.Output()
			line := regexp.MustCompile(`^` + name + ` \S+( \(commit [0-9a-f]+(, changed)?\))? go1\.\S+\n$`)
			if err != nil || !line.Match(out) {
				t.Errorf("%q, %v", out, err)
			}
		})
	}
}

// TestWhichCommandsThereAre names a group of commands without its command.
func TestWhichCommandsThereAre(t *testing.T) {
	out, err := exec.CommandContext(testContext(t), "../../bin/faas-manage", "config").CombinedOutput()
	want := `faas-manage: there is no command "config"; there is faas-manage config sample` + "\n"
	if err == nil || string(out) != want {
		t.Errorf("%q, %v, want %q", out, err, want)
	}
}
