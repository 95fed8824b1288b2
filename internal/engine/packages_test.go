package engine

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"testing"

	"github.com/openstack-faas/faas/internal/codestore"
	"github.com/openstack-faas/faas/internal/faas"
)

// failing is a code store that cannot be read at times.
type failing struct {
	codestore.Store
	is atomic.Bool
}

func (f *failing) Open(ctx context.Context, sha256 string) (io.ReadCloser, int64, error) {
	if f.is.Load() {
		return nil, 0, errors.New("away")
	}
	return f.Store.Open(ctx, sha256)
}

// TestWorkerIsGivenWithoutItsPackage has another process than the one that knows the worker ask for
// it, when the package is in no memory and cannot be read.
func TestWorkerIsGivenWithoutItsPackage(t *testing.T) {
	r := newRig(t, func(l *Limits) { l.PackageMemory = 0 })
	code := &failing{Store: r.code}
	r.with(func(c *Config) { c.Code = code })
	r.run()
	f := r.function(echo)
	if _, err := r.call(r.api(hangTimeout), f, "{}"); err != nil {
		t.Fatal(err)
	}
	code.is.Store(true)
	if out, err := r.call(r.api(hangTimeout), f, "{}"); err != nil || out.Status != faas.ExecutionSuccess {
		t.Errorf("%+v, %v", out, err)
	}
}
