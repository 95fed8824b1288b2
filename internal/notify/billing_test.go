package notify

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/testkit"
)

// billing is where what is delivered for Ceilometer and CloudKitty is.
const billing = "../../contrib/billing/"

// TestRealBilling leads notifications of ours the whole way to what is rated, through the services
// themselves: RabbitMQ, Ceilometer's agent, Gnocchi, CloudKitty's collector.
func TestRealBilling(t *testing.T) {
	if exec.CommandContext(t.Context(), python, "-c", "import ceilometer, gnocchi, cloudkitty").Run() != nil {
		if os.Getenv("CLOUD") == "all" {
			t.Fatal("the mini cloud should have brought Ceilometer, Gnocchi and CloudKitty")
		}
		t.Skip("python3-ceilometer, python3-gnocchi and python3-cloudkitty are not all installed")
	}
	ctx, cancel := context.WithTimeout(t.Context(), hangTimeout)
	defer cancel()
	gnocchi := startGnocchi(ctx, t)
	runPython(ctx, t, "testdata/billing/gnocchi_function.py", gnocchi)
	startCeilometer(ctx, t, gnocchi, "billing")

	at := time.Now()
	n := newRabbitRig(t, "billing", false)
	n.Now = func() time.Time { at = at.Add(time.Millisecond); return at }
	small, big := function(), function()
	small.ID, small.ProjectID, small.MemorySize = faas.NewID(), faas.NewID(), 256<<20
	big.ID, big.ProjectID, big.MemorySize = faas.NewID(), small.ProjectID, 2<<30
	ended := func(f faas.Function, status faas.ExecutionStatus, took time.Duration) {
		x := executionOf(faas.NewID(), status)
		x.FunctionID, x.ProjectID = f.ID, f.ProjectID
		n.tell(t, n.Ended(f, x, took))
	}
	hour := at.Truncate(time.Hour)
	n.tell(t, n.Function(FunctionCreate, "u-1", "req-1", small))
	ended(small, faas.ExecutionSuccess, 2*time.Second)
	ended(small, faas.ExecutionFailed, time.Second)
	ended(small, faas.ExecutionError, time.Second) // nobody is billed for what was the service's fault
	ended(big, faas.ExecutionSuccess, 1500*time.Millisecond)
	want := map[string]float64{
		"function.gb_seconds " + small.ID: 0.75, "function.executions " + small.ID: 2,
		"function.gb_seconds " + big.ID: 3, "function.executions " + big.ID: 1,
	}
	if got := collect(ctx, t, gnocchi, small.ProjectID, hour, want); !maps.Equal(got, want) {
		t.Errorf("collected %v, want %v", got, want)
	}

	at = at.Add(-3 * time.Hour) // told late: RabbitMQ was away
	ended(small, faas.ExecutionSuccess, 4*time.Second)
	want = map[string]float64{"function.gb_seconds " + small.ID: 1, "function.executions " + small.ID: 1}
	if got := collect(ctx, t, gnocchi, small.ProjectID, hour.Add(-3*time.Hour), want); !maps.Equal(got, want) {
		t.Errorf("of the hour before: collected %v, want %v", got, want)
	}

	n.tell(t, n.Function(FunctionDelete, "u-1", "req-2", small))
	var kept struct {
		Name, Type string
		Ended      string `json:"ended_at"`
	}
	out := runPython(ctx, t, "testdata/billing/gnocchi_function.py", gnocchi, small.ID)
	if err := json.Unmarshal(out, &kept); err != nil || kept.Name != "resize" || kept.Type != "function" ||
		kept.Ended == "" {
		t.Errorf("Gnocchi keeps %s of a function that was deleted", out)
	}
}

// startGnocchi returns the address of a Gnocchi on a MariaDB of the test's.
func startGnocchi(ctx context.Context, t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	server, err := testkit.StartMariaDB(filepath.Join(folder, "mariadb"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Stop() })
	conf := filepath.Join(folder, "gnocchi.conf")
	write(t, conf, fmt.Sprintf(
		"[DEFAULT]\ncoordination_url = file://%[1]s/coordination\n[api]\nauth_mode = basic\n"+
			"[indexer]\nurl = %[2]s\n[storage]\ndriver = file\nfile_basepath = %[1]s/store\n", folder, server.Database(t)))
	return startPython(ctx, t, "testdata/billing/serve_gnocchi.py", conf)
}

// startCeilometer starts Ceilometer's agent with what is delivered, on the exchange.
func startCeilometer(ctx context.Context, t *testing.T, gnocchi, exchange string) {
	t.Helper()
	folder := t.TempDir()
	delivered, err := filepath.Abs(billing + "ceilometer")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"pipeline.yaml", "event_pipeline.yaml"} {
		text, err := os.ReadFile(filepath.Join(delivered, name))
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(folder, name), strings.ReplaceAll(string(text), "/etc/ceilometer", delivered))
	}
	conf := filepath.Join(folder, "ceilometer.conf")
	write(t, conf, fmt.Sprintf(
		"[DEFAULT]\ntransport_url = %[1]s\npipeline_cfg_file = %[2]s/pipeline.yaml\n"+
			"event_pipeline_cfg_file = %[2]s/event_pipeline.yaml\n"+
			"[event]\ndefinitions_cfg_file = %[3]s/event_definitions.yaml\n"+
			"[meter]\nmeter_definitions_dirs = %[3]s/meters.d\n"+
			"[notification]\nmessaging_urls = %[1]s\nnotification_control_exchanges = %[4]s\n"+
			"[oslo_messaging_notifications]\ntopics = %[4]s-a\n"+
			"[service_credentials]\nauth_type = http_basic\nusername = admin\npassword = admin\nendpoint = %[5]s\n",
		rabbit(t).URL(), folder, delivered, exchange, gnocchi))
	startPython(ctx, t, "testdata/billing/serve_ceilometer.py", conf)
}

// collect returns what CloudKitty collects of an hour of the project, by metric and function, when
// it is as much as is wanted or does not come to that.
func collect(
	ctx context.Context, t *testing.T, gnocchi, project string, hour time.Time, want map[string]float64,
) map[string]float64 {
	t.Helper()
	var executions, seconds float64
	for name, quantity := range want {
		if strings.HasPrefix(name, "function.executions") {
			executions += quantity
		} else {
			seconds += quantity
		}
	}
	conf := filepath.Join(t.TempDir(), "cloudkitty.conf")
	write(t, conf, fmt.Sprintf("[DEFAULT]\nuse_stderr = true\n[collect]\nmetrics_conf = %scloudkitty/metrics.yml\n"+
		"[collector_gnocchi]\ngnocchi_auth_type = basic\ngnocchi_user = admin\ngnocchi_endpoint = %s\n",
		billing, gnocchi))
	out := runPython(ctx, t, "testdata/billing/collect.py", conf, project, fmt.Sprint(hour.Unix()),
		fmt.Sprint(executions), fmt.Sprint(seconds))
	var points []struct {
		Metric   string
		Quantity float64
		Group    map[string]string
	}
	if err := json.Unmarshal(out, &points); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	found := map[string]float64{}
	for _, p := range points {
		if p.Group["project_id"] != project {
			t.Errorf("%s is of the project %s", p.Metric, p.Group["project_id"])
		}
		found[p.Metric+" "+p.Group["id"]] += p.Quantity
	}
	return found
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// startPython starts a program that runs until its input ends, and returns the first line that it
// prints.
func startPython(ctx context.Context, t *testing.T, args ...string) string {
	t.Helper()
	program := exec.CommandContext(ctx, python, args...)
	logOf(t, program)
	in, err := program.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := program.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := program.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = in.Close(); _ = program.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("%s: %v", args[0], err)
	}
	return strings.TrimSpace(line)
}

// runPython returns what a program prints.
func runPython(ctx context.Context, t *testing.T, args ...string) []byte {
	t.Helper()
	program := exec.CommandContext(ctx, python, args...)
	logOf(t, program)
	out, err := program.Output()
	if err != nil {
		t.Fatalf("%s: %v", args[0], err)
	}
	return out
}

// logOf has what a program complains of be shown if the test fails.
func logOf(t *testing.T, program *exec.Cmd) {
	complaints := &bytes.Buffer{}
	program.Stderr = complaints
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%s:\n%s", strings.Join(program.Args, " "), complaints)
		}
	})
}
