package preparation

import (
	"fmt"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

func TestRejectedContentIsBounded(t *testing.T) {
	r := newRejectedContent()
	now := time.Now()
	bad := faas.Errorf(faas.Invalid, "No.")
	for n := range maxRejected + 10 {
		r.remember("f", fmt.Sprint(n), bad, now)
		if r.known.Len() > maxRejected {
			t.Fatalf("%d are known", r.known.Len())
		}
	}
	last := fmt.Sprint(maxRejected + 9)
	if r.why("f", "0", now) != nil || r.why("f", last, now) == nil {
		t.Error("what was rejected last is known, what was first is not")
	}
	if r.why("f", last, now.Add(rejectedFor)) != nil || r.why("f", last, now) != nil {
		t.Error("a rejection outlives its time")
	}
}

func TestOnlyTheContentsOwnFaultsAreRemembered(t *testing.T) {
	r := newRejectedContent()
	now := time.Now()
	for kind, want := range map[faas.Kind]bool{
		faas.Invalid: true, faas.OverQuota: true, faas.TooLarge: true,
		faas.Unavailable: false, faas.Busy: false, faas.Outdated: false, faas.Internal: false, faas.Forbidden: false, faas.Unauthenticated: false,
	} {
		r.remember("f", string(kind), faas.Errorf(kind, "No."), now)
		if got := r.why("f", string(kind), now) != nil; got != want {
			t.Errorf("%s: %v", kind, got)
		}
	}
	r.remember("f", "", faas.Errorf(faas.Invalid, "There is no object."), now)
	r.remember("f", "fine", nil, now)
	if r.why("f", "", now) != nil || r.why("f", "fine", now) != nil || r.why("g", string(faas.Invalid), now) != nil {
		t.Error("something else is remembered")
	}
}
