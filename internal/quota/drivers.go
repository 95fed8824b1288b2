package quota

import (
	"context"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

// Database keeps limits in the service's own database.
type Database struct{ Store *store.QuotaStore }

// Limits reads them.
func (d Database) Limits(ctx context.Context, projectID string) (faas.Amounts, error) {
	return d.Store.Quotas(ctx, projectID)
}

// Set writes them.
func (d Database) Set(ctx context.Context, projectID string, limits map[faas.Resource]*int64) error {
	return d.Store.SetQuotas(ctx, projectID, limits)
}

// Reset deletes them.
func (d Database) Reset(ctx context.Context, projectID string) error {
	return d.Store.DeleteQuotas(ctx, projectID)
}

// Unified reads limits from Keystone's unified limits, where operators set them.
type Unified struct {
	// Ask returns the limits of a project by the names of resources: its own, and the registered
	// ones.
	Ask func(ctx context.Context, projectID string) (map[string]int64, error)
}

// Limits reads the limits from Keystone. The configuration's hold for resources that Keystone has
// no limit of. Names of other resources are ignored.
func (u Unified) Limits(ctx context.Context, projectID string) (faas.Amounts, error) {
	asked, err := u.Ask(ctx, projectID)
	if err != nil {
		return nil, err
	}
	limits := faas.Amounts{}
	for _, r := range Resources {
		if n, ok := asked[string(r.Name)]; ok {
			limits[r.Name] = n
		}
	}
	return limits, nil
}

// Set refuses.
func (u Unified) Set(context.Context, string, map[faas.Resource]*int64) error { return errInKeystone() }

// Reset refuses.
func (u Unified) Reset(context.Context, string) error { return errInKeystone() }

func errInKeystone() error {
	return faas.Errorf(
		faas.Conflict, "This deployment keeps quotas in Keystone's unified limits; "+
			"change them there, as with openstack limit create.",
	)
}
