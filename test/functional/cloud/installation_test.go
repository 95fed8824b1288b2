package cloud

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/openstack-faas/faas/internal/apiclient"
	"github.com/openstack-faas/faas/internal/testkit/ports"
)

// installation is one of a test's own beside that of the mini cloud: on the same MariaDB, RabbitMQ
// and Kubernetes, with a database, queues and a namespace that nobody else uses.
type installation struct {
	*testing.T
	ctx       context.Context
	conf      string
	namespace string // of the workers
	parts     map[string]*part
}

// workersSecret is [worker] token_secret.
const workersSecret = "0123456789abcdef0123456789abcdef"

// part is a process of it.
type part struct {
	program string
	options []string // FAAS_… variables
	port    string   // of the API, or of the engine's status
	cmd     *exec.Cmd
	ended   chan struct{}
	log     lines
}

// lines is what a process logs.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(text []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(text)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// newInstallation makes what the processes of one need; the name is a part of all.
func newInstallation(ctx context.Context, t *testing.T, name string) *installation {
	t.Helper()
	i := &installation{T: t, ctx: ctx, parts: map[string]*part{}}
	dir := t.TempDir()
	i.conf = filepath.Join(dir, "faas.conf")
	i.namespace = "faas-" + name
	remove := func() {
		kubectl(context.WithoutCancel(ctx), t, "delete", "namespace", i.namespace, "--ignore-not-found")
	}
	remove()
	kubectl(ctx, t, "create", "namespace", i.namespace)
	t.Cleanup(remove)
	must(t, os.WriteFile(i.conf, fmt.Appendf(nil, `[DEFAULT]
transport_url = %s
state_path = %s
[oslo_messaging_rabbit]
queue_prefix = faas-%s
[database]
connection = %s
[api]
drain_time = 2
[engine]
worker_idle_time = 600
[worker]
token_secret = %s
[kubernetes]
kubeconfig = %s
namespace = %s
ingress_from = 10.250.0.1/32
egress_allow = %s/32
`,
		os.Getenv("TRANSPORT_URL"), dir, name, i.database("faas_"+name), workersSecret, os.Getenv("KUBECONFIG"), i.namespace,
		env.world,
	), 0o600))
	t.Cleanup(i.stop)
	return i
}

// database makes the database anew and returns its URL.
func (i *installation) database(name string) string {
	i.Helper()
	u, err := url.Parse(os.Getenv("DATABASE_URL"))
	must(i, err)
	c := mysql.NewConfig()
	c.User, c.Net, c.Addr = u.User.Username(), "tcp", u.Host
	c.Passwd, _ = u.User.Password()
	to, err := mysql.NewConnector(c)
	must(i, err)
	db := sql.OpenDB(to)
	for _, statement := range []string{
		"DROP DATABASE IF EXISTS " + name, "CREATE DATABASE " + name + " CHARACTER SET utf8mb4",
	} {
		_, err := db.ExecContext(i.ctx, statement)
		must(i, err)
	}
	i.Cleanup(func() {
		_, _ = db.ExecContext(context.WithoutCancel(i.ctx), "DROP DATABASE "+name)
		must(i, db.Close())
	})
	u.Path = "/" + name
	return u.String()
}

// run runs a program of the tree to its end.
func (i *installation) run(tree, program string, args ...string) (string, error) {
	out, err := exec.CommandContext(i.ctx, filepath.Join(tree, "bin", program),
		append([]string{"--config-file", i.conf}, args...)...).CombinedOutput()
	return string(out), err
}

// add adds a process, which start starts.
func (i *installation) add(name, program string) *part {
	i.Helper()
	p := &part{program: program, port: ports.Free(i.T)}
	option := "FAAS_ENGINE_STATUS_PORT="
	if program == "faas-api" {
		option = "FAAS_API_PORT="
	}
	p.options = []string{"FAAS_DEFAULT_HOST=" + name, option + p.port}
	i.parts[name] = p
	return p
}

// start starts a process with the program of a tree, and waits until it is well.
func (i *installation) start(name, tree string) {
	i.Helper()
	p := i.parts[name]
	p.cmd = exec.Command(filepath.Join(tree, "bin", p.program), "--config-file", i.conf)
	p.cmd.Stdout, p.cmd.Stderr = &p.log, &p.log
	p.cmd.Env = append(os.Environ(), p.options...)
	must(i, p.cmd.Start())
	p.ended = make(chan struct{})
	go func(cmd *exec.Cmd, ended chan struct{}) {
		_ = cmd.Wait()
		close(ended)
	}(p.cmd, p.ended)
	await(i.ctx, i.T, name+" is well", func() bool {
		select {
		case <-p.ended:
			i.Fatalf("%s has ended: %s", name, p.tail())
		default:
		}
		answer, err := http.Get("http://127.0.0.1:" + p.port + "/healthcheck") //nolint:noctx // bounded by the test
		if err == nil {
			answer.Body.Close()
		}
		return err == nil && answer.StatusCode == http.StatusOK
	})
}

// serve starts two APIs and the engines of this tree, and offers Python.
func (i *installation) serve(engines ...string) {
	i.Helper()
	tree := here(i.T)
	if out, err := i.run(tree, "faas-manage", "db", "sync"); err != nil {
		i.Fatalf("db sync: %v\n%s", err, out)
	}
	for _, name := range engines {
		p := i.add(name, "faas-engine")
		p.options = append(p.options, agentOption+agentNow)
	}
	for _, name := range []string{"api-1", "api-2"} {
		i.add(name, "faas-api")
	}
	for name := range i.parts {
		i.start(name, tree)
	}
	i.offerPython(i.client(), imageNow)
}

// offerPython makes the runtime python3 and returns its id.
func (i *installation) offerPython(c *apiclient.Client, image string) string {
	i.Helper()
	var made apiclient.Runtime
	asked := map[string]any{"name": "python3", "image": image, "trusted": true}
	must(i, c.Do(i.ctx, "POST", "/v1/runtimes", asked, &made))
	return made.ID
}

// kill ends a process as a crash does.
func (i *installation) kill(name string) {
	i.Helper()
	p := i.parts[name]
	must(i, p.cmd.Process.Kill())
	<-p.ended
}

// here returns the folder of this tree.
func here(t *testing.T) string {
	t.Helper()
	tree, err := filepath.Abs(repository)
	must(t, err)
	return tree
}

// replace ends a process as an operator does, and starts it again out of another tree.
func (i *installation) replace(name, tree string) {
	i.Helper()
	p := i.parts[name]
	must(i, p.cmd.Process.Signal(syscall.SIGTERM))
	select {
	case <-p.ended:
	case <-i.ctx.Done():
		i.Fatalf("%s does not end: %s", name, p.tail())
	}
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		i.Errorf("%s ended with %d: %s", name, code, p.tail())
	}
	i.start(name, tree)
}

func (i *installation) stop() {
	for name, p := range i.parts {
		if p.cmd == nil || p.cmd.Process == nil {
			continue
		}
		_ = p.cmd.Process.Signal(syscall.SIGTERM)
		<-p.ended
		if i.Failed() {
			i.Logf("%s said at last:\n%s", name, p.tail())
		}
	}
}

// tail is the end of what the process has logged that is more than information.
func (p *part) tail() string {
	var said []string
	for line := range strings.Lines(p.log.String()) {
		if !strings.Contains(line, "level=INFO") {
			said = append(said, line[:min(len(line), 600)])
		}
	}
	return strings.Join(said[max(0, len(said)-15):], "")
}

// client returns a client of its APIs, balanced.
func (i *installation) client() *apiclient.Client {
	var endpoints []string
	for _, p := range i.parts {
		if p.program == "faas-api" {
			endpoints = append(endpoints, "http://127.0.0.1:"+p.port)
		}
	}
	b := newBalancer(endpoints)
	i.Cleanup(b.close)
	return &apiclient.Client{Endpoint: "http://faas", HTTP: &http.Client{Transport: b}}
}
