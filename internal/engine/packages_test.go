package engine

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/codestore"
	"github.com/openstack-faas/faas/internal/faas"
)

// broken is a code store whose disk is.
type broken struct {
	codestore.Store
	open error
}

func (b broken) Open(context.Context, string) (io.ReadCloser, int64, error) {
	return io.NopCloser(strings.NewReader("half")), 8, b.open
}

// Another process than the one that knows the worker asks for it, when the package is in no memory and cannot be read.
func TestWorkerIsGivenWithoutItsPackage(t *testing.T) {
	r := newObjectRig(t)
	r.put("one")
	f := r.made("trust")
	r.says(f, "one")
	r.engine.packages = newPackageCache(broken{open: errors.New("away")}, 100)
	if out, err := r.call(r.api(time.Second), f, "{}"); err != nil || out.Status != faas.ExecutionSuccess {
		t.Errorf("%+v, %v", out, err)
	}
}

func TestPackageThatCannotBeRead(t *testing.T) {
	for name, open := range map[string]error{"not opened": errors.New("/secret/path: input/output error"), "cut short": nil} {
		c := newPackageCache(broken{open: open}, 100)
		_, err := c.get(t.Context(), "abc")
		var f *faas.Error
		if !errors.As(err, &f) || f.Kind != faas.Unavailable || strings.Contains(f.Message, "secret") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
