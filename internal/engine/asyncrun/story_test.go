package asyncrun

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/dispatch"
	"github.com/openstack-faas/faas/internal/faas"
)

// TestStories has an execution for which there is no worker at first, and whose message is lost
// then: its story says so, and who has run it.
func TestStories(t *testing.T) {
	refused := true
	r := newRig(t, func(c *Config) {
		run := c.Call
		c.Call = func(
			ctx context.Context, target faas.Target, call faas.Call, begin dispatch.Begin,
		) (faas.Outcome, error) {
			if refused {
				return faas.Outcome{}, faas.Errorf(faas.Busy, "No worker came free.")
			}
			o, err := run(ctx, target, call, begin)
			o.Story = []faas.StoryEvent{{Kind: faas.StoryCold, At: time.Now(), Took: time.Second}}
			return o, err
		}
	})
	id := r.record()
	if err := r.runner.Handler(0)(t.Context(), []byte(id)); faas.KindOf(err) != faas.Busy {
		t.Fatal(err)
	}
	r.publishAgain(id)
	refused = false
	r.must(r.runner.Handler(0)(t.Context(), []byte(id)))
	story, err := r.store.Story(t.Context(), r.execution(id))
	r.must(err)
	var kinds []faas.StoryKind
	for _, e := range story {
		kinds = append(kinds, e.Kind)
		switch {
		case e.Kind == faas.StoryPutOff && e.Detail != "No worker came free.":
			t.Errorf("put off: %+v", e)
		case e.Kind != faas.StoryAccepted && e.Process != "engine":
			t.Errorf("not told by the engine: %+v", e)
		}
	}
	for _, kind := range []faas.StoryKind{faas.StoryPutOff, faas.StoryWoken, faas.StoryCold, faas.StoryEnded} {
		if !slices.Contains(kinds, kind) {
			t.Errorf("no %s in %v", kind, kinds)
		}
	}
}
