package store

import (
	"context"

	"github.com/openstack-faas/faas/internal/faas"
)

// Target returns what a worker needs to run the key, whichever project's function it is. A key of
// Revision 0 means the revision that is current. The errors: faas.NotFound when there is no such
// function or version, faas.Outdated when the function is of a newer revision than the key,
// faas.Unavailable when it is of an older one, which happens where this node of the database is
// behind the one that the key came from.
//
// This is the one place where a key becomes a target.
func (s *FunctionStore) Target(ctx context.Context, key faas.Key) (faas.Target, error) {
	if key.Version != 0 { // it never changes
		c, err := s.Resolve(ctx, faas.AnyProject(), faas.FunctionRef{FunctionID: key.FunctionID, Version: key.Version})
		return c.Target, err
	}
	f, err := s.Function(ctx, faas.AnyProject(), key.FunctionID)
	if err != nil {
		return faas.Target{}, err
	}
	switch {
	case key.Revision == 0 || key.Revision == f.Revision:
		return f.Target(), nil
	case key.Revision < f.Revision:
		return faas.Target{}, faas.Errorf(faas.Outdated, "Function %s has changed; call it again.", f.ID)
	}
	return faas.Target{}, faas.Errorf(faas.Unavailable,
		"The database does not know revision %d of function %s yet.", key.Revision, f.ID)
}
