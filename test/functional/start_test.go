package functional

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// terminal returns both ends of a terminal: what a person sees, and what a program writes to.
func terminal(t *testing.T) (seen, written *os.File) {
	t.Helper()
	seen, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { seen.Close() })
	if err := unix.IoctlSetPointerInt(int(seen.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(seen.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	written, err = os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { written.Close() })
	return seen, written
}

// TestFirstLines starts the service on a terminal: where it is and what to type stand first, then
// the log, and one line of that says which shards are owned.
func TestFirstLines(t *testing.T) {
	ctx := testContext(t)
	seen, written := terminal(t)
	cmd := exec.CommandContext(ctx, binary, "--listen", "127.0.0.1:0", "--state-dir", t.TempDir())
	cmd.Stdout, cmd.Stderr = written, written
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for scanner := bufio.NewScanner(seen); scanner.Scan(); {
		lines = append(lines, scanner.Text())
		if strings.Contains(scanner.Text(), "the shards that this engine owns have changed") {
			break
		}
	}
	text := strings.Join(lines, "\n")
	if !strings.Contains(text, "owned=64 of=64 shards=0-63 gained=0-63 lost=none") ||
		strings.Contains(text, "owns a shard") {
		t.Errorf("shards have not one line:\n%s", text)
	}
	url, _, _ := strings.Cut(strings.TrimPrefix(lines[0], "Functions as a Service on "), ". ")
	if !strings.HasPrefix(lines[1], "  curl -s "+url+"/") ||
		!strings.HasPrefix(lines[2], "  openstack --os-auth-type none --os-endpoint "+url+" function create ") {
		t.Errorf("the first lines are\n%s", strings.Join(lines[:3], "\n"))
	}
	if strings.Index(text, "address="+strings.TrimPrefix(url, "http://")) < strings.Index(text, lines[2]) {
		t.Errorf("the log does not come after it, or is of another address:\n%s", text)
	}
	out, err := exec.CommandContext(ctx, "sh", "-c", strings.TrimSpace(lines[1])).Output() // as a person would
	if err != nil || !strings.Contains(string(out), `"python3"`) {
		t.Errorf("%s: %v: %s", lines[1], err, out)
	}
	_ = cmd.Process.Signal(syscall.SIGTERM)
	if err := cmd.Wait(); err != nil {
		t.Errorf("the service did not end well: %v", err)
	}
}

// TestDebugShowsCalls has a function called with debug = true: the log has the request and the
// call, and neither what was sent nor what came of it.
func TestDebugShowsCalls(t *testing.T) {
	ctx := testContext(t)
	var log logBuffer
	dir, err := filepath.Abs(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s := start(ctx, t, dir, "[DEFAULT]\ndebug = true\n", &log)
	defer stop(t, s)
	f := python(ctx, t, s.Client, "def main(word, **kwargs):\n    print('prin' + 'ted')\n    return 'ans' + 'wered'\n")
	x, err := s.Client.Execute(ctx, f.ID, true, map[string]any{"word": "secret-input"})
	if err != nil {
		t.Fatal(err)
	}
	await(ctx, t, "the log has the call and the request", func() bool {
		return log.line("msg=request", "execution_id="+x.ID) != "" &&
			log.line("a call of a function has ended", "execution_id="+x.ID) != ""
	})
	request := log.line("msg=request", "execution_id="+x.ID)
	for _, want := range []string{
		"request_id=req-", "method=POST", "path=/v1/executions", "status=201", "duration=", "project_id=default",
	} {
		if !strings.Contains(request, want) {
			t.Errorf("no %s in %s", want, request)
		}
	}
	call := log.line("a call of a function has ended", "execution_id="+x.ID)
	for _, want := range []string{"function_id=" + f.ID, "worker_id=", "waited=", "status=success", "project_id=default"} {
		if !strings.Contains(call, want) {
			t.Errorf("no %s in %s", want, call)
		}
	}
	if err := s.Client.Do(ctx, "GET", "/v1/functions?name=secret-query", nil, nil); err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"secret-input", "secret-query", "printed", "answered"} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("the log has %s", secret)
		}
	}
}

// line returns the first line that has all of the parts, "" when there is none.
func (l *logBuffer) line(parts ...string) string {
	for line := range strings.Lines(l.String()) {
		has := true
		for _, part := range parts {
			has = has && strings.Contains(line, part)
		}
		if has {
			return line
		}
	}
	return ""
}
