// Command measures prints how the code of a commit measures: sizes of files and functions, methods
// of each type, comments, long lines, and the subjects of commits. It is for comparing two states
// of this repository.
package main

import (
	"archive/tar"
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

func main() {
	commit := flag.String("commit", "HEAD", "the commit that is measured")
	top := flag.Int("top", 8, "how many of the largest functions, types and packages are named")
	flag.Parse()
	if err := run(os.Stdout, *commit, *top); err != nil {
		fmt.Fprintln(os.Stderr, "measures:", err)
		os.Exit(1)
	}
}

func run(out io.Writer, commit string, top int) error {
	sources, err := read(commit)
	if err != nil {
		return err
	}
	subjects, err := git("log", "--format=%s", commit)
	if err != nil {
		return err
	}
	code, tests := newCode(), newCode()
	for name, text := range sources {
		into := code
		if isTest(name) {
			into = tests
		}
		if err := into.add(name, text); err != nil {
			return err
		}
	}
	fmt.Fprintf(out, "commit %s\n\n", commit)
	code.print(out, "Go code", top)
	tests.print(out, "Go tests", 0)
	printCommits(out, strings.Split(strings.TrimSpace(string(subjects)), "\n"))
	return nil
}

// isTest reports whether the file is there for tests alone.
func isTest(name string) bool {
	if strings.HasSuffix(name, "_test.go") || strings.HasPrefix(name, "bench/") || strings.Contains(name, "testkit/") {
		return true
	}
	folder := name[:strings.LastIndexByte(name, '/')+1]
	return strings.HasSuffix(folder, "test/")
}

// read returns the Go files of a commit by name.
func read(commit string) (map[string][]byte, error) {
	archive, err := git("archive", "--format=tar", commit, ":/")
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for r := tar.NewReader(bytes.NewReader(archive)); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files, nil
		}
		if err != nil {
			return nil, err
		}
		if !strings.HasSuffix(header.Name, ".go") {
			continue
		}
		if files[header.Name], err = io.ReadAll(r); err != nil {
			return nil, err
		}
	}
}

// git runs git at the top of the repository that the working folder is in.
func git(args ...string) ([]byte, error) {
	top, err := exec.Command("git", "rev-parse", "--show-toplevel").Output()
	if err != nil {
		return nil, fmt.Errorf("git rev-parse: %w", err)
	}
	cmd := exec.Command("git", args...)
	cmd.Dir, cmd.Stderr = strings.TrimSpace(string(top)), os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("git %s: %w", args[0], err)
	}
	return out, nil
}
