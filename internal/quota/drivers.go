package quota

import (
	"context"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

// Database keeps limits in our own database.
type Database struct{ Store *store.Store }

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

// Unified takes limits from Keystone's unified limits, where they are made and changed.
type Unified struct {
	// Ask returns the limits of a project by the names of resources: its own, and the registered
	// ones.
	Ask func(ctx context.Context, projectID string) (map[string]int64, error)
}

// Limits asks Keystone. Of resources that it has no limit of the configuration's hold; names that
// are not ours are passed over.
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
		faas.Conflict, "Limits are kept in Keystone here; change them there, as with openstack limit create.",
	)
}
