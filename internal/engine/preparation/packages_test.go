package preparation

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

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
