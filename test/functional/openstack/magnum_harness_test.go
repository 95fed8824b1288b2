package openstack

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"io"
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
	"github.com/openstack-faas/faas/internal/testkit"
	"github.com/openstack-faas/faas/internal/testkit/ports"
)

// installation is one of our own beside that of the mini cloud, with workers elsewhere: the same
// configuration but for the options that say so.
type installation struct {
	options map[string]string // FAAS_… variables
}

// newInstallation makes its database. options are FAAS_… variables.
func newInstallation(t *testing.T, options map[string]string) *installation {
	t.Helper()
	name := strings.ToLower("faas_" + rand.Text()[:10])
	i := &installation{options: map[string]string{
		"FAAS_DATABASE_CONNECTION":                 ownDatabase(t, name),
		"FAAS_OSLO_MESSAGING_RABBIT_QUEUE_PREFIX":  "faas_magnum_test",
		"FAAS_OSLO_MESSAGING_NOTIFICATIONS_DRIVER": "noop",
		"FAAS_TRIGGERS_NOTIFICATION_EXCHANGES":     "",
		"FAAS_STORAGE_SWIFT_CONTAINER":             "faas-magnum-test",
		"FAAS_KUBERNETES_KUBECONFIG":               "",
		"FAAS_DEFAULT_STATE_PATH":                  t.TempDir(),
		"FAAS_API_CALL_WAIT":                       "120", // pods start slowly on a busy machine
	}}
	for option, value := range options {
		i.options[option] = value
	}
	out, err := i.command(t.Context(), "faas-manage", "db", "sync").CombinedOutput()
	if err != nil {
		t.Fatalf("faas-manage db sync: %v\n%s", err, out)
	}
	return i
}

// ownDatabase makes a database on the mini cloud's MariaDB and returns its URL. It goes with the
// test.
func ownDatabase(t *testing.T, name string) string {
	t.Helper()
	u, err := url.Parse(os.Getenv("DATABASE_URL"))
	must(t, err)
	password, _ := u.User.Password()
	conf := mysql.NewConfig()
	conf.User, conf.Passwd, conf.Net, conf.Addr = u.User.Username(), password, "tcp", u.Host
	connector, err := mysql.NewConnector(conf)
	must(t, err)
	db := sql.OpenDB(connector)
	_, err = db.ExecContext(t.Context(), "CREATE DATABASE "+name+" CHARACTER SET utf8mb4")
	must(t, err)
	t.Cleanup(func() {
		_, err := db.ExecContext(context.Background(), "DROP DATABASE "+name)
		must(t, err)
		must(t, db.Close())
	})
	u.Path = "/" + name
	return u.String()
}

// command is one of the programs with the installation's configuration.
func (i *installation) command(ctx context.Context, program string, args ...string) *exec.Cmd {
	conf := filepath.Join(os.Getenv("FAAS_LOGS"), "..", "etc", "faas.conf")
	cmd := exec.CommandContext(ctx, repository+"/bin/"+program, append([]string{"--config-file", conf}, args...)...)
	cmd.Env = os.Environ()
	for option, value := range i.options {
		cmd.Env = append(cmd.Env, option+"="+value)
	}
	return cmd
}

// process is a program that runs until the test ends.
type process struct {
	port string // of its status

	mu  sync.Mutex
	log bytes.Buffer
}

func (p *process) Write(text []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.Write(text)
}

// count returns how often the text was logged.
func (p *process) count(text string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Count(p.log.String(), text)
}

func (p *process) tail() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	text := p.log.String()
	return text[max(0, len(text)-4000):]
}

// start starts a program and waits until it is well. It is ended before what it needs goes.
func (i *installation) start(
	ctx context.Context, t *testing.T, program string, apiPort ...string,
) *process {
	t.Helper()
	p := &process{port: ports.Free(t)}
	cmd := i.command(ctx, program)
	cmd.Stderr = p
	cmd.Env = append(cmd.Env, "FAAS_DEFAULT_HOST="+t.Name(), "FAAS_ENGINE_STATUS_PORT="+p.port)
	if len(apiPort) > 0 {
		cmd.Env = append(cmd.Env, "FAAS_API_PORT="+apiPort[0], "FAAS_API_STATUS_PORT="+p.port)
	}
	must(t, cmd.Start())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		<-ended
		if t.Failed() {
			t.Logf("%s said at last:\n%s", program, p.tail())
		}
	})
	await(ctx, t, program+" is well", func() bool {
		select {
		case <-ended:
			t.Fatalf("%s has ended: %s", program, p.tail())
		default:
		}
		return strings.HasPrefix(p.health(ctx), "OK")
	})
	return p
}

// health returns the answer of its status port; "" for none.
func (p *process) health(ctx context.Context) string {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1:"+p.port+"/healthcheck", nil)
	if err != nil {
		return ""
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return ""
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(response.Body)
	return string(text)
}

// serve starts an API and returns a client of it for a user.
func (i *installation) serve(ctx context.Context, t *testing.T, user string) *apiclient.Client {
	t.Helper()
	port := ports.Free(t)
	i.start(ctx, t, "faas-api", port)
	return &apiclient.Client{
		Endpoint: "http://127.0.0.1:" + port, HTTP: http.DefaultClient,
		Header: map[string]string{"X-Auth-Token": testkit.Keystone(t).Login(t, user).Token},
	}
}

// makeFunction makes a function of one module of Python.
func makeFunction(ctx context.Context, c *apiclient.Client, runtime apiclient.Runtime, code string) (string, error) {
	pack, err := apiclient.Zip(map[string]string{"main.py": code})
	if err != nil {
		return "", err
	}
	made, err := c.CreateFunction(ctx, apiclient.NewFunction{
		Name: "f-" + rand.Text(), RuntimeID: runtime.ID, Package: pack, CPU: 100, Timeout: 120,
	})
	return made.ID, err
}

// callNew makes a function, calls it and deletes it. Each such call takes a generic worker, which
// is told to the cluster's API.
func callNew(ctx context.Context, c *apiclient.Client, runtime apiclient.Runtime) error {
	id, err := makeFunction(ctx, c, runtime, "def main(**kwargs):\n    return 'hello'\n")
	if err != nil {
		return err
	}
	x, err := c.Execute(ctx, id, true, nil)
	if err != nil {
		return err
	}
	if x.Status != "success" || string(x.Output()) != `"hello"` {
		return fmt.Errorf("the execution: %s %s", x.Status, x.Result)
	}
	return c.Do(ctx, http.MethodDelete, "/v1/functions/"+id, nil, nil)
}
