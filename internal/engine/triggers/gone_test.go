package triggers

import (
	"context"
	"log/slog"
	"strings"
	"testing"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
	"github.com/openstack-faas/faas/internal/trigger"
)

// barred is a keeper that may do nothing in the project any more.
type barred struct{}

func (barred) Keep(context.Context, faas.Trigger) (trigger.Kept, error) {
	return trigger.Kept{}, faas.Errorf(faas.Forbidden, "The trust is of no use.")
}

func (barred) Release(context.Context, faas.Trigger) error {
	return faas.Errorf(faas.Forbidden, "The trust is of no use.")
}

// TestProjectThatIsGone has the triggers of a deleted project go, although nothing can be released
// in it; those of a project that is there stay and say what is wrong.
func TestProjectThatIsGone(t *testing.T) {
	r := newRig(t)
	gone := false
	s := New(Config{
		Triggers: r.store.TriggerStore, Keepers: map[faas.TriggerSource]trigger.Keeper{faas.TriggerSwift: barred{}},
		ProjectGone: func(_ context.Context, projectID string) (bool, error) { return gone && projectID == project, nil },
		Log:         slog.New(slog.DiscardHandler),
	})
	keep := func() error {
		_, err := s.Keep(t.Context(), store.DueItem{Kind: store.TriggerKeeping, Ref: r.trigger.ID})
		return err
	}
	status := func() faas.TriggerStatus {
		t.Helper()
		now, err := r.store.Trigger(t.Context(), faas.AnyProject(), r.trigger.ID)
		r.must(err)
		if now.Status == faas.TriggerError && !strings.Contains(now.StatusReason, "The trust is of no use.") {
			t.Errorf("the trigger says %q", now.StatusReason)
		}
		return now.Status
	}
	if err := keep(); err == nil || status() != faas.TriggerError {
		t.Errorf("in a project that is there: %v, %s", err, status())
	}
	gone = true
	if err := keep(); err == nil || status() != faas.TriggerDeleting {
		t.Errorf("in a project that is gone: %v, %s", err, status())
	}
	r.must(keep())
	if _, err := r.store.Trigger(t.Context(), faas.AnyProject(), r.trigger.ID); faas.KindOf(err) != faas.NotFound {
		t.Errorf("the trigger is there still: %v", err)
	}
}
