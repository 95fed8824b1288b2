package engine

import (
	"strings"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// TestTokensThatSwiftNeverTakes have calls fail for now, and queued executions wait.
func TestTokensThatSwiftNeverTakes(t *testing.T) {
	r := newObjectRig(t)
	r.put("one")
	f := r.made("trust")
	r.swift.Revoke(trustToken)
	if _, err := r.call(r.api(2*time.Second), f, "{}"); faas.KindOf(err) != faas.Unavailable ||
		!strings.Contains(err.Error(), "refuses the token") {
		t.Errorf("got %v", err)
	}
	r.swift.Requests()
	later, asked := r.enqueue(f, "{}"), 0
	r.await("it was tried again", func() bool {
		asked += len(r.swift.Requests())
		return asked >= 4 // each try asks with two tokens
	})
	if x, err := r.store.Execution(t.Context(), faas.AnyProject(), later); err != nil || x.Status != faas.ExecutionQueued {
		t.Errorf("%s, %v", x.Status, err)
	}
	r.swift.Grant(trustToken, project)
	if x := r.ended(later); x.Status != faas.ExecutionSuccess {
		t.Errorf("%s: %s", x.Status, x.Result)
	}
}
