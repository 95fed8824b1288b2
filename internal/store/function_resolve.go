package store

import (
	"context"

	"github.com/openstack-faas/faas/internal/faas"
)

// Resolve returns the code that a reference names, of what the scope sees. This is the one place
// where a function, a version or an alias becomes something to call: whoever causes an execution
// resolves its reference each time, and records the function and the version that it got. The
// error's kind is faas.NotFound when there is no such function, version or alias.
func (s *FunctionStore) Resolve(ctx context.Context, scope faas.Scope, ref faas.FunctionRef) (faas.Callable, error) {
	if ref.Alias != "" {
		return s.resolveAlias(ctx, scope, ref.Alias)
	}
	return s.resolveVersion(ctx, scope, ref.FunctionID, ref.Version)
}

// resolveVersion returns a version of a function, 0 being its live code.
func (s *FunctionStore) resolveVersion(
	ctx context.Context, scope faas.Scope, functionID string, version int,
) (faas.Callable, error) {
	f, err := s.Function(ctx, scope, functionID)
	if err != nil {
		return faas.Callable{}, err
	}
	if version == 0 {
		return faas.Callable{Function: f, Target: f.Target()}, nil
	}
	v, err := s.FunctionVersion(ctx, scope, functionID, version)
	if err != nil {
		return faas.Callable{}, err
	}
	return v.Callable(f), nil
}
