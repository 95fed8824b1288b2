package storetest

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

// quotas has limits kept, and uses counted with what they count.
func quotas(t *testing.T, f *fixture) {
	ctx := t.Context()
	has := func(want faas.Amounts) {
		t.Helper()
		if got, err := f.QuotaUsage(ctx, "ours"); err != nil || !maps.Equal(got, want) {
			t.Errorf("in use are %v, want %v; %v", got, want, err)
		}
	}
	r := f.runtime(t, "ours", true)
	made := func(project string, size int64, quota faas.Amounts) (faas.Function, error) {
		return f.CreateFunction(ctx, faas.Function{
			ProjectID: project, RuntimeID: r.ID, Entry: "main.main", Timeout: time.Second, Code: faas.Code{Source: faas.SourcePackage, SHA256: "s", Size: size},
		}, quota)
	}
	over := func(err error, words string) {
		t.Helper()
		if is(t, err, faas.OverQuota); err != nil && !strings.Contains(err.Error(), words) {
			t.Errorf("%q does not say %q", err, words)
		}
	}

	limit := faas.Amounts{faas.ResourceFunctions: 2, faas.ResourcePackages: 100}
	_, err := made("ours", 1, faas.Amounts{faas.ResourceFunctions: 0})
	over(err, "functions: limit 0, in use 0")
	has(faas.Amounts{})
	first, err := made("ours", 60, limit)
	must(t, err)
	_, err = made("ours", 41, limit)
	over(err, "package_bytes: limit 100, in use 60, asked for 41 more")
	has(faas.Amounts{faas.ResourceFunctions: 1, faas.ResourcePackages: 60})
	_, err = made("ours", 40, limit)
	must(t, err)
	_, err = made("ours", 0, limit)
	over(err, "functions: limit 2, in use 2.")
	_, err = made("theirs", 1, limit)
	must(t, err)

	change := store.FunctionChange{Code: &faas.Code{Source: faas.SourcePackage, SHA256: "t", Size: 61}, Quota: limit}
	_, err = f.UpdateFunction(ctx, ours, first.ID, change)
	over(err, "package_bytes")
	change.Code.Size = 10
	_, err = f.UpdateFunction(ctx, ours, first.ID, change)
	must(t, err)
	has(faas.Amounts{faas.ResourceFunctions: 2, faas.ResourcePackages: 50})
	_, err = f.DeleteFunction(ctx, ours, first.ID)
	must(t, err)
	has(faas.Amounts{faas.ResourceFunctions: 1, faas.ResourcePackages: 40})
	_, err = made("ours", 5, faas.Amounts{faas.ResourceFunctions: faas.Unlimited})
	must(t, err)
	_, err = made("ours", 5, nil)
	must(t, err)
	has(faas.Amounts{faas.ResourceFunctions: 3, faas.ResourcePackages: 50})
	if n, err := f.RepairUsage(ctx); err != nil || n != 0 {
		t.Errorf("%d right counts were mended, %v", n, err)
	}
}

// ownQuotas has limits of single projects.
func ownQuotas(t *testing.T, f *fixture) {
	ctx := t.Context()
	has := func(project string, want faas.Amounts) {
		t.Helper()
		if got, err := f.Quotas(ctx, project); err != nil || !maps.Equal(got, want) {
			t.Errorf("%s may have %v, want %v; %v", project, got, want, err)
		}
	}
	ten, none, any := int64(10), int64(0), faas.Unlimited
	must(t, f.SetQuotas(ctx, "ours", map[faas.Resource]*int64{faas.ResourceFunctions: &ten, faas.ResourceJobs: &any}))
	must(t, f.SetQuotas(ctx, "theirs", map[faas.Resource]*int64{faas.ResourceFunctions: &ten}))
	must(t, f.SetQuotas(ctx, "ours", map[faas.Resource]*int64{faas.ResourceFunctions: &none,
		faas.ResourceAliases: nil}))
	has("ours", faas.Amounts{faas.ResourceFunctions: 0, faas.ResourceJobs: faas.Unlimited})
	must(t, f.SetQuotas(ctx, "ours", map[faas.Resource]*int64{faas.ResourceJobs: nil}))
	has("ours", faas.Amounts{faas.ResourceFunctions: 0})
	must(t, f.DeleteQuotas(ctx, "ours"))
	must(t, f.DeleteQuotas(ctx, "ours"))
	has("ours", faas.Amounts{})
	has("theirs", faas.Amounts{faas.ResourceFunctions: 10})
}
