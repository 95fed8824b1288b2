package cloud

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestPodsAreReplaced has `helm upgrade`, or the manifests, replace all pods of API and engine
// while they are called through their Service: no request fails, and nothing is lost or runs twice.
func TestPodsAreReplaced(t *testing.T) {
	services := os.Getenv("FAAS_PODS")
	if services == "" {
		t.Skip("the services are no pods: CLOUD_SERVICES=helm make cloud-up has them be some")
	}
	ctx := testContext(t)
	c := client(t)
	l := newLedger(ctx, t, c, 0.05)
	stop := l.load(ctx, c, 6)
	defer stop()
	l.more(ctx, t, 20)
	before := podNames(t)
	up := exec.CommandContext(ctx, repository+"/devstack/mini/up", os.Getenv("CLOUD"))
	up.Env = append(os.Environ(), "CLOUD_SERVICES="+services, "CLOUD_ROLL="+t.Name()+before)
	if out, err := up.CombinedOutput(); err != nil {
		t.Fatalf("the pods are not replaced: %v\n%s", err, out)
	}
	await(ctx, t, "the pods from before end", func() bool { return !sharesALine(before, podNames(t)) })
	l.more(ctx, t, 20)
	stop()
	l.allSucceeded(ctx, t, c)
}

// podNames returns the names of the pods of API and engine, each on a line.
func podNames(t *testing.T) string {
	t.Helper()
	kubectl := exec.CommandContext(t.Context(), repository+"/devstack/mini/kubectl", "-n", "faas-system", "get", "pods",
		"-l", "app.kubernetes.io/name in (faas-api, faas-engine)", "-o", "name")
	out, err := kubectl.Output()
	must(t, err)
	if len(bytes.TrimSpace(out)) == 0 {
		t.Fatal("there are no pods of API and engine")
	}
	return string(out)
}

// sharesALine reports whether a line is in both texts.
func sharesALine(a, b string) bool {
	in := map[string]bool{}
	for line := range strings.Lines(a) {
		in[line] = true
	}
	for line := range strings.Lines(b) {
		if in[line] {
			return true
		}
	}
	return false
}
