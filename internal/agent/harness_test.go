package agent_test

import (
	"archive/zip"
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/agentconfig"
	"github.com/openstack-faas/faas/internal/cgroup"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/runtimes"
)

const (
	testWorker = "worker"
	testUID    = 210000 // nobody's: the runtime's, and the next one is a pod's agent's
)

var (
	testTokenKey = must(faas.NewWorkerKey(strings.Repeat("secret", 6)))
	testToken    = testTokenKey.Token(testWorker)
)

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

var testKey = faas.Key{FunctionID: "f", Version: 0, Revision: 1}

// running is an agent with its runtime, and what asks it.
type running struct {
	t       testing.TB
	config  agentconfig.Config
	command *exec.Cmd
	stdin   io.WriteCloser
	client  http.Client
	said    agentconfig.Announcement
	ended   chan struct{} // closed when it was waited for
	log     *logBuffer    // the agent's own
	pod     *pod          // nil: the runtime lives beneath the agent
}

// beginner starts an agent for the runtime and returns when it is generic.
type beginner func(t testing.TB, name string, change func(*agentconfig.Config)) *running

// each runs a test for both places where a runtime's processes may live.
func each(t *testing.T, test func(t *testing.T, begin beginner)) {
	t.Run("children", func(t *testing.T) { test(t, begin) })
	t.Run("pod", func(t *testing.T) { test(t, beginPod) })
}

// begin has the runtime beneath the agent.
func begin(t testing.TB, name string, change func(*agentconfig.Config)) *running {
	t.Helper()
	return launch(t, name, change).mustBeGeneric()
}

func (r *running) mustBeGeneric() *running {
	r.t.Helper()
	if r.said.State != faas.WorkerGeneric {
		r.t.Fatalf("announced %+v", r.said)
	}
	return r
}

// launch starts an agent and returns when it has announced itself.
func launch(t testing.TB, name string, change func(*agentconfig.Config)) *running {
	t.Helper()
	r := &running{t: t, config: configure(t, name)}
	if change != nil {
		change(&r.config)
	}
	t.Cleanup(r.stop)
	r.run(agentCommand(t))
	return r
}

// run starts the agent's process and waits for what it announces.
func (r *running) run(command *exec.Cmd) {
	t := r.t
	t.Helper()
	r.command, r.said, r.ended = command, agentconfig.Announcement{}, make(chan struct{})
	r.log = &logBuffer{}
	r.command.Stderr, r.command.WaitDelay = r.log, 10*time.Second
	var err error
	if r.stdin, err = r.command.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	stdout, err := r.command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := r.command.Start(); err != nil {
		t.Fatal(err)
	}
	if r.pod == nil {
		if err := json.NewEncoder(r.stdin).Encode(r.config); err != nil {
			t.Fatal(err)
		}
	}
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err != nil {
		t.Fatalf("no announcement: %v", err)
	}
	if err := json.Unmarshal(line, &r.said); err != nil {
		t.Fatal(err)
	}
	r.client.Transport = &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		network, address, _ := strings.Cut(r.said.Address, ":")
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}}
	ended := r.ended
	go func() {
		_ = command.Wait()
		close(ended)
	}()
}

// logBuffer keeps what an agent logs, and shows it.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logBuffer) Write(text []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, _ = os.Stderr.Write(text)
	return l.text.Write(text)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// agentCommand is this binary as an agent, or the real one where a measurement names it.
func agentCommand(t testing.TB) *exec.Cmd {
	t.Helper()
	if real := os.Getenv("FAAS_TEST_AGENT"); real != "" {
		return exec.Command(real)
	}
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), beAgent+"="+beAlone, "GORACE=atexit_sleep_ms=20 halt_on_error=1")
	return command
}

// configure makes the places of a worker; as root its runtime gets a user of its own.
func configure(t testing.TB, name string) agentconfig.Config {
	t.Helper()
	language, ok := runtimes.ForImage(name)
	if !ok {
		t.Fatalf("no runtime %s", name)
	}
	interpreter := ""
	for _, candidate := range language.Interpreters {
		if path, err := exec.LookPath(candidate); err == nil {
			interpreter = path
			break
		}
	}
	if interpreter == "" {
		t.Skipf("no interpreter for %s here", name)
	}
	dir, err := os.MkdirTemp("", "agent") // short: the path of a socket may have 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	c := agentconfig.Config{
		WorkerID: testWorker, Token: testToken, Listen: "unix:" + filepath.Join(dir, "agent"), Slots: 3,
		RunDir: filepath.Join(dir, "run"), CodeDir: filepath.Join(dir, "code"), HomeDir: filepath.Join(dir, "home"),
	}
	if err := runtimes.Extract(filepath.Join(dir, "shims")); err != nil {
		t.Fatal(err)
	}
	c.Runtime.Command = language.Command(interpreter, filepath.Join(dir, "shims"))
	for _, d := range []string{dir, c.RunDir, c.CodeDir, c.HomeDir} {
		_ = os.Mkdir(d, 0o755)
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if os.Getuid() == 0 {
		c.Runtime.UID, c.Runtime.OwnUser = testUID, true
		if err := os.Chown(c.HomeDir, testUID, testUID); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// withGroup puts the worker into a control group of so much memory; the test is skipped where the
// host grants none.
func withGroup(t testing.TB, memory int64) func(*agentconfig.Config) {
	t.Helper()
	host := cgroup.Probe()
	if !host.Has("memory") {
		t.Skip("no memory controller: ", host.Missing["memory"])
	}
	group, err := host.Create(fmt.Sprintf("faas-agent-test-%d-%d", os.Getpid(), time.Now().UnixNano()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = group.Kill()
		if err := group.Remove(); err != nil {
			t.Error(err)
		}
	})
	if err := group.SetMemory(memory); err != nil {
		t.Fatal(err)
	}
	return func(c *agentconfig.Config) {
		at := group.Location()
		c.Cgroup = &at
	}
}

// stop abandons the agent and sees that it leaves in order.
func (r *running) stop() {
	r.client.CloseIdleConnections()
	r.stdin.Close()
	if r.pod != nil {
		_ = r.command.Process.Signal(syscall.SIGTERM)
		defer r.pod.awaitEnd(r.t)
	}
	r.awaitEnd()
	if code := r.command.ProcessState.ExitCode(); code == 99 {
		r.t.Error("the agent leaked goroutines")
	}
}

func (r *running) awaitEnd() {
	r.t.Helper()
	select {
	case <-r.ended:
	case <-time.After(hangTimeout):
		_ = r.command.Process.Signal(syscall.SIGQUIT)
		r.t.Error("the agent does not end")
	}
}

// ask makes one request and returns the answer.
func (r *running) ask(method, path, token string, body io.Reader) (int, []byte) {
	r.t.Helper()
	request, err := http.NewRequest(method, "http://worker"+path, body)
	if err != nil {
		r.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	answer, err := r.client.Do(request)
	if err != nil {
		r.t.Fatal(err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return answer.StatusCode, b
}

// files is a package: names to contents.
type files map[string]string

func (f files) zip(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, content := range f {
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// specialisation is the body of a request to specialise.
func specialisation(t testing.TB, pack []byte, entry string) []byte {
	t.Helper()
	return specialisationFor(t, faas.DefaultMemorySize, pack, entry)
}

func specialisationFor(t testing.TB, memory int64, pack []byte, entry string) []byte {
	t.Helper()
	sum := sha256.Sum256(pack)
	head, err := json.Marshal(faas.Specialisation{
		Key: testKey, Entry: entry, SHA256: hex.EncodeToString(sum[:]), MemorySize: memory,
	})
	if err != nil {
		t.Fatal(err)
	}
	return append(append(head, '\n'), pack...)
}

func (r *running) specialise(entry string, f files) *running {
	r.t.Helper()
	return r.specialiseFor(faas.DefaultMemorySize, entry, f)
}

// specialiseFor is specialise for a function of so many bytes of memory.
func (r *running) specialiseFor(memory int64, entry string, f files) *running {
	r.t.Helper()
	request := specialisationFor(r.t, memory, f.zip(r.t), entry)
	status, body := r.ask("POST", "/v1/specialise", testToken, bytes.NewReader(request))
	if status != http.StatusOK {
		r.t.Fatalf("specialise: %d %s", status, body)
	}
	return r
}

// try makes a call; refused is set when the agent refuses.
func (r *running) try(input string, timeout time.Duration) (out faas.Outcome, refused string) {
	r.t.Helper()
	return r.tryCall(faas.Call{ExecutionID: "e", Input: json.RawMessage(input), Timeout: timeout})
}

// tryCall is try for a call that has more than an input.
func (r *running) tryCall(c faas.Call) (out faas.Outcome, refused string) {
	r.t.Helper()
	c.Key = testKey
	body, err := json.Marshal(c)
	if err != nil {
		r.t.Fatal(err)
	}
	status, answer := r.ask("POST", "/v1/call", testToken, bytes.NewReader(body))
	var refusal struct{ Refused string }
	if status == http.StatusOK {
		err = json.Unmarshal(answer, &out)
	} else {
		err = json.Unmarshal(answer, &refusal)
	}
	if err != nil {
		r.t.Fatalf("%d %s: %v", status, answer, err)
	}
	return out, refusal.Refused
}

func (r *running) call(input string) faas.Outcome {
	r.t.Helper()
	out, refused := r.try(input, hangTimeout)
	if refused != "" {
		r.t.Fatal("refused: ", refused)
	}
	return out
}

// status asks the agent how it is.
func (r *running) status() faas.WorkerStatus {
	r.t.Helper()
	code, body := r.ask("GET", "/v1/status", testToken, nil)
	var s faas.WorkerStatus
	if err := json.Unmarshal(body, &s); err != nil || code != http.StatusOK {
		r.t.Fatalf("status: %d %s", code, body)
	}
	return s
}

// awaitFile waits for a file that a function makes in its home.
func (r *running) awaitFile(name string) {
	r.t.Helper()
	r.await("the file "+name, func() bool {
		_, err := os.Stat(filepath.Join(r.config.HomeDir, name))
		return err == nil
	})
}

// hangTimeout ends a test that hangs. No machine is so slow that a test which makes progress
// reaches it.
const hangTimeout = 5 * time.Minute

// await waits for a condition.
func (r *running) await(what string, holds func() bool) {
	r.t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(hangTimeout); !holds(); <-tick.C {
		if time.Now().After(end) {
			r.t.Fatal("waited in vain for ", what)
		}
	}
}

// touch makes a file in the function's home.
func (r *running) touch(name string) {
	r.t.Helper()
	if err := os.WriteFile(filepath.Join(r.config.HomeDir, name), nil, 0o644); err != nil {
		r.t.Fatal(err)
	}
}
