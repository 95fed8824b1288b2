package frombus

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/event"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/trigger"
)

// filtering takes events as far as their filter.
type filtering struct{ filter *event.Filter }

func (f filtering) Take(_ context.Context, _ faas.Trigger, e event.Event) (trigger.Taken, error) {
	wanted, err := f.filter.Match(e)
	if wanted {
		return trigger.Taken{Outcome: trigger.Queued}, err
	}
	return trigger.Taken{Outcome: trigger.Filtered}, err
}

// BenchmarkSift is what a notification costs beside being read, with 10,000 triggers of 1,000
// projects.
func BenchmarkSift(b *testing.B) {
	var all []faas.Trigger
	for n := range 10_000 {
		wants := fmt.Sprintf("volume.%d.*", n/1000)
		if n/1000 == 3 {
			wants = "compute.instance.exi*"
		}
		t := triggersOf(fmt.Sprintf("%032x", n%1000+1), `{"event_type":"`+wants+`"}`)[0]
		t.ID = fmt.Sprint(n)
		all = append(all, t)
	}
	filter, err := event.ParseFilter([]byte(`[{"prefix": {"source": "/compute"}},
		{"sql": "type LIKE '%.exists' AND subject = 'x'"}]`))
	must(b, err)
	for _, one := range []struct{ name, project, eventType string }{
		{"no trigger", "nobody", "compute.instance.update"},
		{"other types", fmt.Sprintf("%032x", 7), "compute.instance.update"},
		{"filtered", fmt.Sprintf("%032x", 7), "compute.instance.exists"},
	} {
		b.Run(one.name, func(b *testing.B) {
			s, _ := sifter(all, SifterConfig{Hidden: []string{"host", "node", "exception", "initiator.host"}})
			s.cfg.Taker = filtering{filter}
			body := large(one.eventType, one.project)
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				if bring := s.Sift(body); bring != nil {
					must(b, bring(b.Context()))
				}
			}
		})
	}
}

// BenchmarkSiftObjects is what a notification of Swift costs with 10,000 triggers of containers.
func BenchmarkSiftObjects(b *testing.B) {
	var all []faas.Trigger
	for n := range 10_000 {
		all = append(all, watching(fmt.Sprintf("%032x", n%1000+1), fmt.Sprint("c", n/1000))...)
	}
	s, _ := waker(all)
	s.waking.wake = func(context.Context, string, time.Duration) (bool, error) { return true, nil }
	project := fmt.Sprintf("%032x", 7)
	for name, body := range map[string][]byte{
		"read": proxy("get", project, "c3/o"), "another container": proxy("put", project, "x/o"),
		"one that is waited for": proxy("put", project, "c3/o"),
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				if bring := s.Sift(body); bring != nil {
					must(b, bring(b.Context()))
				}
			}
		})
	}
}

// large is a notification of Nova of the usual size, some 3 KiB.
func large(eventType, project string) []byte {
	var payload strings.Builder
	for i := range 60 {
		fmt.Fprintf(&payload, `"member_%d": "some text of it", `, i)
	}
	inner := fmt.Sprintf(`{"_context_user_id": "u", "_context_project_id": "a", "message_id": "m-1", `+
		`"publisher_id": "compute.h1", "event_type": "%s", "priority": "INFO", "payload": {"tenant_id": "%s", `+
		`"instance_id": "i", "host": "h", "node": "h", %s "metadata": {}}, "timestamp": "2026-11-25 01:02:03.456789"}`,
		eventType, project, payload.String())
	return []byte(`{"oslo.version": "2.0", "oslo.message": "` + strings.ReplaceAll(inner, `"`, `\"`) + `"}`)
}
