package engine

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/codestore"
	"github.com/openstack-faas/faas/internal/faas"
)

// slowStore returns a package when it is let go, or what it fails with.
type slowStore struct {
	codestore.Store
	of    string
	asked chan struct{} // a token for each time
	let   chan error    // closed: given; or an error
}

func (s *slowStore) Open(ctx context.Context, sha256 string) (io.ReadCloser, int64, error) {
	if sha256 != s.of {
		return s.Store.Open(ctx, sha256)
	}
	s.asked <- struct{}{}
	select {
	case err, failed := <-s.let:
		if failed {
			return nil, 0, err
		}
		return s.Store.Open(ctx, sha256)
	case <-ctx.Done():
		return nil, 0, ctx.Err()
	}
}

// TestSlowPackageHoldsNoWorker has one generic worker, which goes to the function whose package is
// there.
func TestSlowPackageHoldsNoWorker(t *testing.T) {
	r := newRig(t, func(l *Limits) { l.Workers = 1 })
	slow, quick := r.function("def main(**kw):\n    return 'slow'\n"), r.function("def main(**kw):\n    return 'quick'\n")
	code := &slowStore{Store: r.code, of: slow.Code.SHA256, asked: make(chan struct{}, 10), let: make(chan error)}
	r.with(func(c *Config) { c.Code = code })
	r.run()
	waiting := make(chan error, 1)
	slowly, quickly := r.api(hangTimeout), r.api(hangTimeout)
	go func() {
		outcome, err := r.call(slowly, slow, "{}")
		if err == nil && string(outcome.Output) != `"slow"` {
			t.Errorf("got %s", outcome.Output)
		}
		waiting <- err
	}()
	<-code.asked
	if outcome, err := r.call(quickly, quick, "{}"); err != nil || string(outcome.Output) != `"quick"` {
		t.Fatalf("got %s, %v", outcome.Output, err)
	}
	if len(code.asked) != 0 || len(r.own(slow)) != 0 {
		t.Errorf("asked %d times more; the slow one has %d workers", len(code.asked), len(r.own(slow)))
	}
	r.must(r.workers.Remove(t.Context(), r.onlyWorker(quick).ID))
	close(code.let)
	r.must(<-waiting)
}

// TestPackageThatCannotBeReadIsSaid has the store of packages away.
func TestPackageThatCannotBeReadIsSaid(t *testing.T) {
	r := newRig(t, nil)
	f := r.function("def main(**kw):\n    return 1\n")
	code := &slowStore{Store: r.code, of: f.Code.SHA256, asked: make(chan struct{}, 1000), let: make(chan error, 1)}
	r.with(func(c *Config) { c.Code = code })
	r.run()
	failing, stop := context.WithCancel(t.Context())
	failed := make(chan struct{})
	go func() {
		defer close(failed)
		for failing.Err() == nil {
			select {
			case code.let <- faas.Errorf(faas.Unavailable, "The store of packages cannot be reached now."):
			case <-failing.Done():
			}
		}
	}()
	_, err := r.call(r.api(2*time.Second), f, "{}")
	stop()
	<-failed
	if faas.KindOf(err) != faas.Unavailable ||
		!strings.Contains(err.Error(), "package cannot be read now. The store of packages cannot be reached now.") {
		t.Errorf("got %v", err)
	}
}
