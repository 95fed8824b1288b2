package functional

import (
	"context"
	"testing"

	"github.com/openstack-faas/faas/test/functional/osc"
)

// contrib is the folder of what is added to OpenStack's own parts, in Python.
const contrib = "../../contrib"

// installPython installs distributions of contrib as an operator does, beside Debian's packages and
// with nothing from a network, and returns the folder for PYTHONPATH: entry points are found there.
func installPython(ctx context.Context, t *testing.T, names ...string) string {
	t.Helper()
	target := t.TempDir()
	if err := osc.Install(ctx, contrib, target, names...); err != nil {
		t.Fatal(err)
	}
	return target
}
