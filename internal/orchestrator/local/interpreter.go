package local

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// probeTimeout bounds how long an interpreter may take to print its version; a cold disk is slow.
const probeTimeout = 10 * time.Second

// interpreterChoice says where an interpreter may be and which version it must have at least.
type interpreterChoice struct {
	candidates []string // paths, or names to look for on PATH; the first that will do is taken
	minMajor   int
	minMinor   int
}

// find returns the path of the first candidate that the credential can run and that is new enough,
// or an error that says of each candidate why not. It runs the candidate as a worker would: a
// worker's user often has no access to an interpreter in a home directory.
func (c interpreterChoice) find(ctx context.Context, as *syscall.Credential) (string, error) {
	var tried []string
	for _, candidate := range c.candidates {
		path, err := exec.LookPath(candidate)
		if err == nil {
			err = c.check(ctx, path, as)
		}
		if err == nil {
			return path, nil
		}
		tried = append(tried, fmt.Sprintf("%s: %s", candidate, probeReason(err)))
	}
	return "", errors.New("tried " + strings.Join(tried, "; "))
}

// probeReason returns the reason without the candidate's name.
func probeReason(err error) string {
	var notFound *exec.Error
	if errors.As(err, &notFound) {
		return notFound.Err.Error()
	}
	var system syscall.Errno
	if errors.As(err, &system) {
		return "a worker's user cannot run it: " + system.Error()
	}
	return err.Error()
}

func (c interpreterChoice) check(ctx context.Context, path string, as *syscall.Credential) error {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	probe := exec.CommandContext(ctx, path, "--version")
	probe.Env = []string{"PATH=" + workerPath, "LANG=C.UTF-8"}
	probe.Dir = "/"
	probe.SysProcAttr = &syscall.SysProcAttr{Credential: as, Setpgid: true}
	probe.WaitDelay = time.Second
	out, err := probe.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, firstLine(out))
	}
	major, minor, ok := version(string(out))
	if !ok {
		return fmt.Errorf("its answer to --version is %q", firstLine(out))
	}
	if major < c.minMajor || major == c.minMajor && minor < c.minMinor {
		return fmt.Errorf("version %d.%d is older than %d.%d", major, minor, c.minMajor, c.minMinor)
	}
	return nil
}

// version returns the first two numbers of "Python 3.11.2" or "v20.1.0".
func version(text string) (major, minor int, ok bool) {
	fields := strings.Fields(text)
	if len(fields) == 0 {
		return 0, 0, false
	}
	last := strings.TrimPrefix(fields[0], "v")
	if len(fields) > 1 {
		last = fields[1]
	}
	parts := strings.Split(last, ".")
	if len(parts) < 2 {
		return 0, 0, false
	}
	major, errMajor := strconv.Atoi(parts[0])
	minor, errMinor := strconv.Atoi(parts[1])
	return major, minor, errMajor == nil && errMinor == nil
}

func firstLine(out []byte) string {
	line, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	if len(line) > 200 {
		line = line[:200]
	}
	return line
}
