package osc

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Install installs distributions of contrib, a folder, into another folder as an operator does,
// beside Debian's packages and with nothing from a network: entry points are found there. They are
// built in a copy, since building leaves files beside the sources.
func Install(ctx context.Context, contrib, folder string, names ...string) error {
	sources, err := os.MkdirTemp("", "faas-contrib")
	if err != nil {
		return err
	}
	defer os.RemoveAll(sources)
	args := []string{"-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index",
		"--root-user-action=ignore", "--disable-pip-version-check", "--target", folder}
	for _, name := range names {
		source := filepath.Join(sources, name)
		if err := os.CopyFS(source, os.DirFS(filepath.Join(contrib, name))); err != nil {
			return err
		}
		args = append(args, source)
	}
	cmd := exec.CommandContext(ctx, "/usr/bin/python3", args...)
	cmd.Env = []string{"PATH=/usr/bin:/bin", "HOME=" + sources, "LC_ALL=C.UTF-8"}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("install %s: %w\n%s", strings.Join(names, " "), err, out)
	}
	return nil
}

// debianPackages is where Debian has Python's packages.
const debianPackages = "/usr/lib/python3/dist-packages"

// Without makes in the folder what Debian has of Python's packages, but for those whose names have
// the word in them: for a Bare client, as if they were not installed.
func Without(word, folder string) error {
	packages, err := os.ReadDir(debianPackages)
	if err != nil {
		return err
	}
	for _, p := range packages {
		if strings.Contains(p.Name(), word) {
			continue
		}
		if err := os.Symlink(filepath.Join(debianPackages, p.Name()), filepath.Join(folder, p.Name())); err != nil {
			return err
		}
	}
	return nil
}
