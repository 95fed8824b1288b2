package openstack

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/openstack-faas/faas/internal/testkit/ports"
)

// devstack is a DevStack in small with our plugin; see the script devstack/stack.
type devstack struct {
	t    *testing.T
	dest string
	env  []string
}

// phase runs the plugin once.
func (d devstack) phase(ctx context.Context, mode, phase string) {
	d.t.Helper()
	cmd := exec.CommandContext(ctx, "devstack/stack", mode, phase)
	cmd.Env = d.env
	if out, err := cmd.CombinedOutput(); err != nil {
		d.t.Fatalf("%s %s: %v\n%s%s", mode, phase, err, out, d.log())
	}
}

func (d devstack) log() string {
	api, _ := os.ReadFile(filepath.Join(d.dest, "faas-api.log"))
	engine, _ := os.ReadFile(filepath.Join(d.dest, "faas-engine.log"))
	return string(api) + string(engine)
}

// TestDevStackPlugin has the plugin install, configure and start a service of its own beside the
// mini cloud's, in a region of its own, run a function there, and take all of it away again.
func TestDevStackPlugin(t *testing.T) {
	ctx := testContext(t)
	admin := commandLine(ctx, t, "admin")
	const region = "RegionDevStack"
	const user = "faas_devstack"
	d := devstack{t: t, dest: t.TempDir(), env: os.Environ()}
	for name, value := range admin.env {
		d.env = append(d.env, name+"="+value)
	}
	port := ports.Free(t)
	conf := filepath.Join(d.dest, "conf")
	d.env = append(d.env, "DEST="+d.dest, "FAAS_CONF_DIR="+conf, "FAAS_SERVICE_PORT="+port, "REGION_NAME="+region,
		"FAAS_API_STATUS_PORT="+ports.Free(t), "FAAS_ENGINE_STATUS_PORT="+ports.Free(t),
		"FAAS_SERVICE_USER="+user,
		"SERVICE_PASSWORD=devstack", "FAAS_DATABASE=faas_devstack", "FAAS_KUBECONFIG="+os.Getenv("KUBECONFIG"),
		"FAAS_KUBERNETES_NAMESPACE=faas-devstack", "FAAS_AGENT_IMAGE=docker.io/faas-mini/agent:dev",
		"FAAS_INGRESS_FROM=10.250.0.1/32", "FAAS_RUNTIMES=devpython=docker.io/faas-mini/python3:dev")
	// Two services of one RabbitMQ need two prefixes; in local.conf it is [[post-config|$FAAS_CONF]].
	must(t, os.MkdirAll(conf, 0o750))
	must(t, os.WriteFile(filepath.Join(conf, "faas.conf"),
		[]byte("[oslo_messaging_rabbit]\nqueue_prefix = devstack\n[kubernetes]\nimage_pull_policy = IfNotPresent\n"), 0o640))
	t.Cleanup(func() {
		const kubectl = "../../../devstack/mini/kubectl"
		_ = exec.Command(kubectl, "delete", "namespace", "faas-devstack", "--wait=false", "--ignore-not-found").Run()
		for _, endpoint := range admin.list("endpoint", "list", "--region", region) {
			admin.must("endpoint", "delete", endpoint["ID"].(string))
		}
		admin.must("region", "delete", region)
		admin.must("user", "delete", user)
	})
	for _, phase := range []string{"pre-install", "install", "post-config", "extra", "test-config"} {
		d.phase(ctx, "stack", phase)
	}
	t.Cleanup(func() { d.phase(context.Background(), "unstack", "") })

	demo := commandLine(ctx, t, "demo")
	demo.env["OS_REGION_NAME"] = region
	demo.write("hello/main.py", "def main(name):\n    return \"Hello, \" + name\n")
	demo.must("function", "deploy", "hello", "--runtime", "devpython")
	if out := demo.must("function", "invoke", "hello", "-d", `{"name": "DevStack"}`); out != "Hello, DevStack" {
		t.Errorf("the function returns %s\n%s", out, d.log())
	}
	demo.must("function", "delete", "hello")

	heat, err := os.ReadFile(filepath.Join(d.dest, "heat.conf"))
	must(t, err)
	if !strings.Contains(string(heat), "/contrib/heat/faas_heat,") {
		t.Errorf("Heat is told of no plugin: %s", heat)
	}
	for _, module := range []string{"faasclient", "faas_openstackclient", "faas_heat", "faas_mistral"} {
		if _, err := os.Stat(filepath.Join(d.dest, "python", module)); err != nil {
			t.Error(err)
		}
	}
	// stack.sh again, without unstack: the configuration's secrets are what workers were told.
	before, err := os.ReadFile(filepath.Join(conf, "faas.conf"))
	must(t, err)
	d.phase(ctx, "unstack", "")
	if c, err := net.Dial("tcp", "127.0.0.1:"+port); err == nil {
		_ = c.Close()
		t.Error("something listens after unstack")
	}
	d.phase(ctx, "stack", "post-config")
	after, err := os.ReadFile(filepath.Join(conf, "faas.conf"))
	must(t, err)
	if string(before) != string(after) {
		t.Errorf("the configuration has changed:\n%s", after)
	}
	d.phase(ctx, "clean", "")
	if _, err := os.Stat(conf); !os.IsNotExist(err) {
		t.Errorf("after clean there is %s: %v", conf, err)
	}
}
