package busfeed

import (
	"context"
	"encoding/json"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/openstack-faas/faas/internal/event"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/trigger"
	"github.com/openstack-faas/faas/internal/trigger/frombus"
)

// python is Debian's, which has oslo.messaging and, where it is installed, Keystone.
const python = "/usr/bin/python3"

// records are the triggers that there are.
type records []faas.Trigger

func (r records) TriggersOf(context.Context, faas.TriggerSource, string, int) ([]faas.Trigger, error) {
	return r, nil
}

func (records) Trigger(context.Context, faas.Scope, string) (faas.Trigger, error) {
	return faas.Trigger{}, faas.Errorf(faas.NotFound, "there is none")
}

// taken are the events that came to a trigger.
type taken struct {
	mu     sync.Mutex
	events []event.Event
}

func (k *taken) Take(_ context.Context, _ faas.Trigger, e event.Event) (trigger.Taken, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.events = append(k.events, e)
	return trigger.Taken{Outcome: trigger.Queued}, nil
}

func (k *taken) count() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.events)
}

// TestServices has oslo.messaging and Keystone themselves publish, with both drivers and both
// kinds of exchanges, and the events come to a trigger of the project that they are of.
func TestServices(t *testing.T) {
	if exec.CommandContext(t.Context(), python, "-c", "import oslo_messaging").Run() != nil {
		t.Skip("python3-oslo.messaging is not installed")
	}
	for _, driver := range []string{"messaging", "messagingv2"} {
		for _, durable := range []bool{false, true} {
			t.Run(driver+" durable "+strconv.FormatBool(durable), func(t *testing.T) { services(t, driver, durable) })
		}
	}
}

func services(t *testing.T, driver string, durable bool) {
	name := strings.NewReplacer("/", "-", " ", "-").Replace(unique(t))
	project := "6f70656e737461636b20342065766572"
	k := &taken{}
	index := frombus.NewIndex(frombus.IndexConfig{Triggers: records{
		{ID: "t", ProjectID: project, Source: faas.TriggerNotification, Status: faas.TriggerActive,
			Settings: `{"event_type":"*"}`},
		{ID: "other", ProjectID: "admin", Source: faas.TriggerNotification, Status: faas.TriggerActive,
			Settings: `{"event_type":"*"}`},
	}})
	ctx, stop := context.WithCancel(t.Context())
	var keeping sync.WaitGroup
	keeping.Go(func() { index.Keep(ctx) })
	t.Cleanup(func() { stop(); keeping.Wait() })
	h := newHeard(nil)
	cfg := h.config(t, server(t).URL(), name)
	cfg.Topics = []string{name}
	cfg.Ready = index.Loaded()
	cfg.Sift = frombus.NewSifter(frombus.SifterConfig{Index: index, Taker: k, Hidden: []string{"host",
		"initiator.host"}}).Sift
	newService(t, name, durable) // as the service has declared it before
	f, _ := run(t, cfg)
	until(t, "the exchange is bound", bound(f, 1))

	told, err := json.Marshal(map[string]any{
		"transport_url": server(t).URL(), "exchange": name, "durable": durable, "topic": name,
		"driver": driver, "project": project,
	})
	must(t, err)
	var complaints strings.Builder
	cmd := exec.CommandContext(within(t), python, "testdata/services.py", string(told))
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, complaints.String())
	}
	sent, err := strconv.Atoi(strings.TrimSpace(string(out)))
	must(t, err)
	until(t, "all that are sent are taken", func() bool { return k.count() >= sent })
	var types []string
	for _, e := range k.events {
		types = append(types, strings.TrimPrefix(e.Type(), "org.openstack."))
		if e.Extensions()["projectid"] != project || strings.Contains(string(e.Data()), `"host"`) {
			t.Errorf("taken is %s", e)
		}
		if e.Type() == "org.openstack.compute.instance.delete.end" {
			var payload map[string]string
			must(t, json.Unmarshal(e.Data(), &payload))
			if payload["display_name"] != "café 😀 \"x\" \\" || e.Subject() != "i-1" ||
				e.Source() != "/compute.host-1" {
				t.Errorf("taken is %s", e)
			}
		}
	}
	slices.Sort(types)
	want := []string{"compute.instance.create.error", "compute.instance.delete.end"}
	if sent > len(want) {
		want = append(want, "identity.project.updated", "identity.project.updated")
	} else {
		t.Log("Keystone is not installed: its own notifications were not tried")
	}
	if !slices.Equal(types, want) {
		t.Errorf("taken are %q, want %q", types, want)
	}
}
