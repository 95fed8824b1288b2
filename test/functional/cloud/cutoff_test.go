package cloud

import (
	"context"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/apiclient"
)

// cutOff drops every packet to and from the addresses, on this machine and through it, as a dead
// network or node does: nobody is told.
func cutOff(ctx context.Context, t *testing.T, addresses []string) {
	t.Helper()
	const table = "inet faas-cutoff"
	rules := "add table " + table + "\n"
	for _, hook := range []string{"input", "output", "forward"} {
		rules += fmt.Sprintf("add chain %s %s { type filter hook %s priority -10; policy accept; }\n", table, hook, hook)
		set := strings.Join(addresses, ", ")
		rules += fmt.Sprintf("add rule %s %s ip daddr { %s } drop\n", table, hook, set)
		rules += fmt.Sprintf("add rule %s %s ip saddr { %s } drop\n", table, hook, set)
	}
	nft := func(ctx context.Context, rules string) {
		cmd := exec.CommandContext(ctx, "nft", "-f", "-")
		cmd.Stdin = strings.NewReader(rules)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("nft: %v: %s", err, out)
		}
	}
	t.Cleanup(func() { nft(context.Background(), "delete table "+table+"\n") })
	nft(ctx, rules)
}

// TestWorkerCutOff cuts a function's only worker off. The kubelet does not notice: it asks no
// worker whether it lives. The calls that were sent to the dead one end long before the function's
// timeout, all others run on another, and the dead one's pod is removed.
func TestWorkerCutOff(t *testing.T) {
	ctx, c := testContext(t), client(t)
	awaitPool(ctx, t, c, "python3")
	const code = "import socket\ndef main():\n    return socket.gethostname()\n"
	f := create(ctx, t, c, "python3", code, apiclient.NewFunction{})
	for range 4 * len(env.endpoints) { // every API has a connection to it
		x, err := c.Execute(ctx, f.ID, true, nil)
		must(t, err)
		if x.Status != "success" {
			t.Fatalf("before: %+v", x)
		}
	}
	label := "faas.openstack.org/function-id=" + f.ID
	dead, addresses := ofPods(ctx, t, label, ".metadata.name"), ofPods(ctx, t, label, ".status.podIP")
	cutOff(ctx, t, addresses)
	begun := time.Now()
	var callers sync.WaitGroup
	for i := range env.endpoints { // at once: each API finds out by itself, or hears it from the engine
		api := only(t, i)
		callers.Go(func() {
			lost := answers(ctx, t, api, f, dead)
			t.Logf("API %d has another worker's answer after %s and %d lost calls",
				i, time.Since(begun).Round(time.Millisecond), lost)
			if lost > len(dead) {
				t.Errorf("API %d lost %d calls; one to each dead worker could be", i, lost)
			}
		})
	}
	callers.Wait()
	await(ctx, t, "the dead worker's pod is removed", func() bool {
		there := strings.Fields(kubectl(ctx, t, "get", "pods", "-n", "faas", "-o", "jsonpath={.items[*].metadata.name}"))
		return !slices.ContainsFunc(dead, func(pod string) bool { return slices.Contains(there, pod) })
	})
	t.Logf("its pod was removed after %s", time.Since(begun).Round(time.Millisecond))
}

// answers calls the function until another worker than the dead ones has answered, and returns how
// many calls were lost until then.
func answers(ctx context.Context, t *testing.T, c *apiclient.Client, f apiclient.Function, dead []string) (lost int) {
	for {
		x, err := c.Execute(ctx, f.ID, true, nil)
		if err != nil {
			t.Error(err)
			return lost
		}
		output := string(x.Output())
		byDead := slices.ContainsFunc(dead, func(pod string) bool { return strings.Contains(output, pod) })
		switch {
		case x.Status == "success" && !byDead:
			return lost
		case x.Status == "error" && strings.Contains(output, "may have run"):
			lost++ // it was sent before anybody could know
		default:
			t.Errorf("after the cut: %+v", x)
			return lost
		}
	}
}
