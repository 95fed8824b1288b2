package engine

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/apiclient"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
	"github.com/openstack-faas/faas/internal/swiftcode"
	"github.com/openstack-faas/faas/pkg/swift"
	"github.com/openstack-faas/faas/pkg/swift/swifttest"
)

const trustToken = "the-token-of-the-trust"

// objectRig is a rig whose functions come from a small Swift.
type objectRig struct {
	*rig
	swift  *swifttest.Server
	source *swiftcode.Source

	mu    sync.Mutex
	token func() (faas.Secret, error) // Keystone's answer for a trust
	quota faas.Amounts
}

func newObjectRig(t *testing.T) *objectRig {
	t.Helper()
	r := &objectRig{rig: newRig(t, nil), swift: swifttest.New(t)}
	r.keystone(func() (faas.Secret, error) { return trustToken, nil })
	r.swift.Grant(trustToken, project)
	r.source = swiftcode.New(swiftcode.Config{
		Swift: swift.New(swift.Config{}), Code: r.code, MaxSize: 1 << 20,
		Endpoint: func(_ context.Context, projectID string) (string, error) { return r.swift.Endpoint(projectID), nil },
	})
	r.with(func(c *Config) {
		c.Objects = &Objects{
			Source: r.source, Interval: time.Hour, Forget: func(string) {},
			Quota: func(context.Context, string) (faas.Amounts, error) { return r.quota, nil },
			Token: func(context.Context, string) (faas.Secret, error) {
				r.mu.Lock()
				defer r.mu.Unlock()
				return r.token()
			},
		}
	})
	r.run()
	return r
}

func (r *objectRig) keystone(gives func() (faas.Secret, error)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.token = gives
}

// put makes the object one that returns the text.
func (r *objectRig) put(text string) {
	r.Helper()
	zip, err := apiclient.Zip(map[string]string{"main.py": "def main(**kw):\n    return '" + text + "'\n"})
	r.must(err)
	r.swift.Put(project, "c", "f.zip", zip)
}

// made records a function of the object as the API does; trust is "" for none.
func (r *objectRig) made(trust string) faas.Function {
	r.Helper()
	f := r.function("unused = 1")
	code, err := r.source.Fetch(
		r.Context(), trustToken, project, faas.Code{Source: faas.SourceSwift, Container: "c", Object: "f.zip"},
		nil,
	)
	r.must(err)
	f, err = r.store.UpdateFunction(r.Context(), faas.AnyProject(), f.ID, store.FunctionChange{Code: &code})
	r.must(err)
	if trust != "" {
		r.must(r.store.ScheduleTrustDeletion(r.Context(), trust, time.Hour))
		f, err = r.store.UpdateFunction(
			r.Context(), faas.AnyProject(), f.ID,
			store.FunctionChange{Trust: &store.FunctionTrust{ID: trust, Roles: []string{"member"}}},
		)
		r.must(err)
	}
	r.swift.Requests()
	return f
}

// now reads the function as it is recorded.
func (r *objectRig) now(f faas.Function) faas.Function {
	r.Helper()
	f, err := r.store.Function(r.Context(), faas.AnyProject(), f.ID)
	r.must(err)
	return f
}

func (r *objectRig) says(f faas.Function, want string) {
	r.Helper()
	outcome, err := r.call(r.api(hangTimeout), f, "{}")
	if err != nil || string(outcome.Output) != `"`+want+`"` {
		r.Errorf("got %s, %v; want %s", outcome.Output, err, want)
	}
}

func TestColdStartHasTheObjectsNewContent(t *testing.T) {
	r := newObjectRig(t)
	r.put("one")
	f := r.made("trust")
	r.put("two")
	d := r.api(hangTimeout)
	if _, err := r.call(d, f, "{}"); faas.KindOf(err) != faas.Outdated {
		t.Fatalf("the old revision: %v", err)
	}
	after := r.now(f)
	if after.Revision != f.Revision+1 || after.Code.ETag == f.Code.ETag || after.Code.SHA256 == f.Code.SHA256 ||
		after.Code.Source != faas.SourceSwift ||
		after.TrustID != "trust" {
		t.Errorf("it is now %+v", after)
	}
	r.says(after, "two")
	if asked := r.swift.Requests(); len(asked) == 0 {
		t.Error("Swift was not asked")
	}
	r.says(after, "two") // by another API: the worker is there
	if asked := r.swift.Requests(); len(asked) != 0 {
		t.Errorf("a warm call asked Swift for %v", asked)
	}
}

func TestAsynchronousCallRunsTheNewContent(t *testing.T) {
	r := newObjectRig(t)
	r.put("one")
	f := r.made("trust")
	r.put("two")
	if x := r.ended(r.enqueue(f, "{}")); x.Status != faas.ExecutionSuccess || !strings.Contains(x.Result, `"two"`) {
		t.Errorf("%s: %s", x.Status, x.Result)
	}
}

func TestWithoutATrustNothingIsLookedAt(t *testing.T) {
	r := newObjectRig(t)
	r.put("one")
	f := r.made("")
	r.put("two")
	r.says(f, "one")
	r.engine.checkObjects(t.Context())
	if asked := r.swift.Requests(); len(asked) != 0 {
		t.Errorf("Swift was asked for %v", asked)
	}
}

func TestWorkersOfOldContentAreReplaced(t *testing.T) {
	r := newObjectRig(t)
	changed := make(chan faas.FunctionChanged, 10)
	stop, err := r.broker.Subscribe(t.Context(), faas.TopicFunction, func(body []byte) {
		var change faas.FunctionChanged
		r.must(json.Unmarshal(body, &change))
		changed <- change
	})
	r.must(err)
	defer stop()
	r.put("one")
	f := r.made("trust")
	r.says(f, "one")
	r.engine.checkObjects(t.Context())
	if after := r.now(f); after.Revision != f.Revision || len(changed) != 0 {
		t.Fatalf("nothing changed, and it is %+v", after)
	}
	r.put("two")
	r.engine.checkObjects(t.Context())
	after := r.now(f)
	if after.Revision != f.Revision+1 {
		t.Fatalf("it is still %+v", after)
	}
	if news := <-changed; news.FunctionID != f.ID || news.Revision != after.Revision {
		t.Errorf("told of %+v", news)
	}
	r.await("the old worker ends", func() bool {
		return r.count(func(w faas.Worker) bool { return w.Key.FunctionID == f.ID && w.Key.Revision == f.Revision }) == 0
	})
	r.says(after, "two")
}

func TestSwiftAwayConcernsColdCallsOnly(t *testing.T) {
	r := newObjectRig(t)
	r.put("one")
	warm, cold := r.made("trust"), r.made("another")
	r.says(warm, "one")
	r.swift.Fail(503)
	r.says(warm, "one")
	r.engine.checkObjects(t.Context())
	r.says(warm, "one")
	if _, err := r.call(r.api(2*time.Second), cold, "{}"); faas.KindOf(err) != faas.Unavailable ||
		!strings.Contains(err.Error(), `"f.zip" in the container "c"`) {
		t.Errorf("cold: %v", err)
	}
	tries := 0
	r.swift.Requests()
	later := r.enqueue(cold, "{}")
	r.await("the asynchronous call has tried twice", func() bool {
		tries += len(r.swift.Requests())
		return tries >= 2
	})
	if x, err := r.store.Execution(t.Context(), faas.AnyProject(), later); err != nil || x.Status != faas.ExecutionQueued {
		t.Errorf("%s, %v", x.Status, err)
	}
	r.swift.Fail(0)
	if x := r.ended(later); x.Status != faas.ExecutionSuccess {
		t.Errorf("%s: %s", x.Status, x.Result)
	}
}

func TestObjectThatIsGoneIsSaid(t *testing.T) {
	r := newObjectRig(t)
	r.put("one")
	f := r.made("trust")
	for name, c := range map[string]struct {
		before func()
		kind   faas.Kind
		says   string
	}{
		"gone":      {func() { r.swift.Delete(project, "c", "f.zip") }, faas.Invalid, `There is no object "f.zip" in the container "c"`},
		"no zip":    {func() { r.swift.Put(project, "c", "f.zip", []byte("text")) }, faas.Invalid, "not a zip file"},
		"too large": {func() { r.swift.Put(project, "c", "f.zip", make([]byte, 1<<20+1)) }, faas.Invalid, "larger than"},
		"no rights": {func() { r.swift.Grant(trustToken, "another") }, faas.Invalid, "do not allow it"},
		"no trust": {func() {
			r.keystone(func() (faas.Secret, error) { return "", faas.Errorf(faas.Forbidden, "The trust is gone.") })
		}, faas.Forbidden, "The trust is gone."},
	} {
		r.put("one")
		r.swift.Grant(trustToken, project)
		r.keystone(func() (faas.Secret, error) { return trustToken, nil })
		c.before()
		if _, err := r.call(r.api(5*time.Second), f, "{}"); faas.KindOf(err) != c.kind ||
			!strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
		if x := r.ended(r.enqueue(f, "{}")); x.Status != faas.ExecutionError ||
			!strings.Contains(x.Result, strings.ReplaceAll(c.says, `"`, `\"`)) {
			t.Errorf("%s: %s, %s", name, x.Status, x.Result)
		}
	}
	if after := r.now(f); after.Revision != f.Revision || after.Code != f.Code {
		t.Errorf("it has become %+v", after)
	}
}

// TestObjectThatIsOverTheQuota has an object grow beyond what its project may have.
func TestObjectThatIsOverTheQuota(t *testing.T) {
	r := newObjectRig(t)
	r.put("one")
	f := r.made("trust")
	r.quota = faas.Amounts{faas.ResourcePackages: f.Code.Size}
	r.put(strings.Repeat("more and more", 1000))
	if _, err := r.call(r.api(5*time.Second), f, "{}"); faas.KindOf(err) != faas.OverQuota {
		t.Errorf("got %v", err)
	}
	if after := r.now(f); after.Code != f.Code {
		t.Errorf("it has become %+v", after)
	}
}
