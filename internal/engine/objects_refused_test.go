package engine

import (
	"strings"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// TestContentThatCannotBeCodeIsRemembered counts how often Swift is asked for the bytes.
func TestContentThatCannotBeCodeIsRemembered(t *testing.T) {
	r := newObjectRig(t)
	r.put("one")
	f := r.made("trust")
	look := func(kind faas.Kind, reads int) {
		t.Helper()
		r.swift.Requests()
		if err := r.engine.lookAt(t.Context(), f.Target().Key); faas.KindOf(err) != kind {
			t.Errorf("got %v, not %q", err, kind)
		}
		heads, gets := 0, 0
		for _, asked := range r.swift.Requests() {
			switch method, _, _ := strings.Cut(asked, " "); method {
			case "HEAD":
				heads++
			case "GET":
				gets++
			}
		}
		if heads != 1 || gets != reads {
			t.Errorf("%d HEAD and %d GET, not 1 and %d", heads, gets, reads)
		}
	}
	r.swift.Put(project, "c", "f.zip", []byte("no zip"))
	look(faas.Invalid, 1)
	look(faas.Invalid, 0)
	r.later(spoiledFor - time.Second)
	look(faas.Invalid, 0)
	r.later(2 * time.Second)
	look(faas.Invalid, 1)
	r.swift.Put(project, "c", "f.zip", []byte("no zip either"))
	look(faas.Invalid, 1)
	r.quota = faas.Amounts{faas.ResourcePackages: f.Code.Size}
	r.put(strings.Repeat("more and more", 1000))
	look(faas.OverQuota, 1)
	look(faas.OverQuota, 0)
	r.put("one") // as it was
	look("", 0)
	r.quota = nil
	r.put("three")
	look(faas.Outdated, 1)
}

// TestRevokedTokenIsRenewed has Keystone revoke the trust's tokens, as it does when somebody's password changes.
func TestRevokedTokenIsRenewed(t *testing.T) {
	r := newObjectRig(t)
	r.put("one")
	f := r.made("trust")
	r.put("two")
	r.swift.Revoke(trustToken)
	r.swift.Grant("a new token", project)
	r.keystone(func() (faas.Secret, error) { // the lock is held
		if len(r.forgot) > 0 {
			return "a new token", nil
		}
		return trustToken, nil
	})
	if err := r.engine.lookAt(t.Context(), f.Target().Key); faas.KindOf(err) != faas.Outdated {
		t.Errorf("got %v", err)
	}
	r.says(r.now(f), "two")
	if len(r.forgot) != 1 || r.forgot[0] != "trust" {
		t.Errorf("tokens of %q were forgotten", r.forgot)
	}
}

// TestTokensThatSwiftNeverTakes have calls fail for now, and queued executions wait.
func TestTokensThatSwiftNeverTakes(t *testing.T) {
	r := newObjectRig(t)
	r.put("one")
	f := r.made("trust")
	r.swift.Revoke(trustToken)
	if _, err := r.call(r.api(300*time.Millisecond), f, "{}"); faas.KindOf(err) != faas.Unavailable || !strings.Contains(err.Error(), "does not take the token") {
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

// TestDatabaseThatIsBehind has a caller know of a newer revision than the database has.
func TestDatabaseThatIsBehind(t *testing.T) {
	r := newObjectRig(t)
	r.put("one")
	f := r.made("trust")
	r.put("two")
	ahead := f.Target().Key
	ahead.Revision++
	if err := r.engine.lookAt(t.Context(), ahead); err != nil || len(r.swift.Requests()) != 0 {
		t.Errorf("ahead: %v", err)
	}
	before := f.Target().Key
	before.Revision--
	if err := r.engine.lookAt(t.Context(), before); faas.KindOf(err) != faas.Outdated || len(r.swift.Requests()) != 0 {
		t.Errorf("behind: %v", err)
	}
}
