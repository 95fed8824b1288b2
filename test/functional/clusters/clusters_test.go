package clusters

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
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
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/openstack-faas/faas/internal/apiclient"
	"github.com/openstack-faas/faas/internal/testkit/ports"
	"github.com/openstack-faas/faas/test/functional/polling"
)

const (
	repository = "../../.."
	node       = "functional" // of devstack/mini/node
	nodes      = "/var/lib/faas-mini/nodes/"
	namespace  = "faas-clusters"
	database   = "faas_clusters"
)

// hangTimeout ends a test that hangs. No machine is so slow that a test which makes progress
// reaches it.
const hangTimeout = 10 * time.Minute

func TestMain(m *testing.M) {
	if os.Getenv("KUBECONFIG") == "" || os.Getenv("FAAS_PIDS") == "" {
		fmt.Println("no cloud: these tests need root, make cloud-up, and what .cloud/env says in the environment;",
			"make functional does all three")
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// service is an API and an engine of the test's own.
type service struct {
	*testing.T
	ctx    context.Context
	dir    string
	conf   string
	client *apiclient.Client

	clusters    []string // the kubeconfigs
	api, status string   // ports
	database    string   // its URL

	stopEngine func()
	engineLog  *bytes.Buffer
}

// newService starts the service with the clusters home, the mini cloud's, and away, which is up.
func newService(t *testing.T) *service {
	t.Helper()
	s := prepare(t, os.Getenv("KUBECONFIG"), kubeconfigOf(node))
	s.mini("node", "up", node)
	t.Cleanup(func() { s.mini("node", "down", node) })
	for _, kubeconfig := range s.clusters {
		s.namespaceIn(kubeconfig)
	}
	s.configure(fmt.Sprintf(`[kubernetes]
clusters = home, away
namespace = %s
agent_image = docker.io/faas-mini/agent:dev
ingress_from = 10.250.0.1/32
[kubernetes_home]
kubeconfig = %s
labels = zone=home
[kubernetes_away]
kubeconfig = %s
labels = zone=away
`, namespace, s.clusters[0], s.clusters[1]))
	s.launch()
	return s
}

// kubeconfigOf returns the kubeconfig of a node of devstack/mini/node.
func kubeconfigOf(node string) string { return nodes + node + "/etc/admin.kubeconfig" }

// prepare returns a service that does not run yet, whose workers are to be in the clusters of the
// kubeconfigs.
func prepare(t *testing.T, kubeconfigs ...string) *service {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), hangTimeout)
	t.Cleanup(cancel)
	s := &service{T: t, ctx: ctx, dir: t.TempDir(), clusters: kubeconfigs}
	s.conf = filepath.Join(s.dir, "faas.conf")
	s.api, s.status = ports.Free(t), ports.Free(t)
	return s
}

// configure writes faas.conf, which ends with the sections of the clusters. The database is empty
// the first time.
func (s *service) configure(sections string) {
	s.Helper()
	if s.database == "" {
		s.database = s.emptyDatabase()
	}
	text := fmt.Sprintf(`[DEFAULT]
transport_url = %s
state_path = %s
[oslo_messaging_rabbit]
queue_prefix = faas-clusters
[database]
connection = %s
[api]
port = %s
max_input = 4000000
max_body = 8000000
[engine]
pool_size = 4
status_port = %s
worker_idle_time = 600
[worker]
token_secret = %s
%s`,
		os.Getenv("TRANSPORT_URL"), s.dir, s.database, s.api, s.status, secret, sections)
	s.must(os.WriteFile(s.conf, []byte(text), 0o600))
}

// secret is [worker] token_secret.
const secret = "0123456789abcdef0123456789abcdef"

// launch starts the configured service.
func (s *service) launch() {
	s.Helper()
	s.run(filepath.Join(repository, "bin/faas-manage"), "--config-file", s.conf, "db", "sync")
	s.stopEngine, s.engineLog = s.start("faas-engine")
	s.start("faas-api")
	s.client = &apiclient.Client{
		Endpoint: "http://127.0.0.1:" + s.api,
		Header:   map[string]string{"OpenStack-API-Version": "function-engine 1.12"},
		HTTP:     &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}},
	}
	s.wellAt(s.client.Endpoint, "http://127.0.0.1:"+s.status)
}

// wellAt waits until processes say that they are well.
func (s *service) wellAt(urls ...string) {
	s.Helper()
	for _, url := range urls {
		s.await(url+" is well", func() bool {
			answer, err := http.Get(url + "/healthcheck") //nolint:noctx // bounded by the test
			if err == nil {
				answer.Body.Close()
			}
			return err == nil && answer.StatusCode == http.StatusOK
		})
	}
}

func (s *service) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s *service) run(name string, arguments ...string) string {
	s.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), hangTimeout)
	defer cancel()
	out, err := exec.CommandContext(ctx, name, arguments...).CombinedOutput()
	if err != nil {
		s.Fatalf("%s %s: %v\n%s", name, strings.Join(arguments, " "), err, out)
	}
	return string(out)
}

// mini runs a command of devstack/mini.
func (s *service) mini(command string, arguments ...string) string {
	s.Helper()
	return s.run(filepath.Join(repository, "devstack/mini", command), arguments...)
}

// namespaceIn makes an empty namespace for the workers, which goes with the test.
func (s *service) namespaceIn(kubeconfig string) {
	s.Helper()
	remove := func() {
		s.mini("kubectl", "--kubeconfig", kubeconfig, "delete", "namespace", namespace, "--ignore-not-found")
	}
	remove()
	s.mini("kubectl", "--kubeconfig", kubeconfig, "create", "namespace", namespace)
	s.Cleanup(remove)
}

// emptyDatabase makes the test's database anew and returns its URL.
func (s *service) emptyDatabase() string {
	s.Helper()
	u, err := url.Parse(os.Getenv("DATABASE_URL"))
	s.must(err)
	c := mysql.NewConfig()
	c.User, c.Net, c.Addr = u.User.Username(), "tcp", u.Host
	c.Passwd, _ = u.User.Password()
	to, err := mysql.NewConnector(c)
	s.must(err)
	db := sql.OpenDB(to)
	defer db.Close()
	for _, statement := range []string{
		"DROP DATABASE IF EXISTS " + database, "CREATE DATABASE " + database + " CHARACTER SET utf8mb4",
	} {
		_, err := db.ExecContext(s.ctx, statement)
		s.must(err)
	}
	u.Path = "/" + database
	return u.String()
}

// start starts a program of ours until stop is called or the test ends, whose failure shows its
// warnings. log is what it has said once it has ended.
func (s *service) start(program string) (stop func(), log *bytes.Buffer) {
	s.Helper()
	log = &bytes.Buffer{}
	cmd := exec.Command(filepath.Join(repository, "bin", program), "--config-file", s.conf)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	s.must(cmd.Start())
	stop = sync.OnceFunc(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	})
	s.Cleanup(func() {
		stop()
		for line := range strings.Lines(log.String()) {
			if s.Failed() && strings.Contains(line, "level=") && !strings.Contains(line, "level=INFO") ||
				strings.Contains(line, "cluster") && !strings.Contains(line, "limits of workers") {
				s.Logf("%s: %.500s", program, line)
			}
		}
	})
	return stop, log
}

// await looks at the condition until it holds.
func (s *service) await(what string, condition func() bool) {
	s.Helper()
	polling.Await(s.ctx, s, what, condition)
}

// pod is what the tests look at of a worker.
type pod struct {
	Metadata struct {
		Name   string
		Labels map[string]string
	}
	Status struct {
		Conditions []struct{ Type, Status string }
	}
}

func (p pod) function() string { return p.Metadata.Labels["faas.openstack.org/function-id"] }

func (p pod) ready() bool {
	for _, c := range p.Status.Conditions {
		if c.Type == "Ready" {
			return c.Status == "True"
		}
	}
	return false
}

// pods returns the workers of each cluster.
func (s *service) pods() (all [2][]pod) {
	s.Helper()
	for i, kubeconfig := range s.clusters {
		var list struct{ Items []pod }
		text := s.mini("kubectl", "--kubeconfig", kubeconfig, "get", "pods", "--namespace", namespace, "-o", "json")
		s.must(json.Unmarshal([]byte(text), &list))
		all[i] = list.Items
	}
	return all
}

// generic counts the workers of the pools that are ready.
func generic(pods []pod) (n int) {
	for _, p := range pods {
		if p.function() == "" && p.ready() {
			n++
		}
	}
	return n
}

func (s *service) runtime(fields map[string]any) string {
	s.Helper()
	id := s.made(fields)
	if reason := s.settled(id); reason != "" {
		s.Fatalf("the runtime: %s", reason)
	}
	return id
}

// made makes a runtime and does not wait for it.
func (s *service) made(fields map[string]any) string {
	s.Helper()
	var made struct{ ID string }
	s.must(s.client.Do(s.ctx, "POST", "/v1/runtimes", fields, &made))
	return made.ID
}

// settled waits until the runtime is available, or in error; then it returns why.
func (s *service) settled(id string) string {
	s.Helper()
	var now struct {
		Status string
		Reason string `json:"status_reason"`
	}
	s.await("the runtime is made", func() bool {
		s.must(s.client.Do(s.ctx, "GET", "/v1/runtimes/"+id, nil, &now))
		return now.Status == "available" || now.Status == "error"
	})
	return now.Reason
}

const code = "import time\ndef main(**kwargs):\n    time.sleep(0.05)\n    return 'done'\n"

func (s *service) function(runtime string) string {
	s.Helper()
	pack, err := apiclient.Zip(map[string]string{"main.py": code})
	s.must(err)
	made, err := s.client.CreateFunction(s.ctx, apiclient.NewFunction{
		Name: s.Name(), RuntimeID: runtime, Package: pack, CPU: 200, Timeout: 30,
	})
	s.must(err)
	return made.ID
}

// call calls the function once; an error says how it failed.
func (s *service) call(ctx context.Context, function string) error {
	x, err := s.client.Execute(ctx, function, true, nil)
	if err != nil {
		return err
	}
	if x.Status != "success" {
		return errors.New(x.Status + ": " + x.Result)
	}
	return nil
}
