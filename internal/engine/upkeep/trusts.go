package upkeep

import (
	"context"
	"time"

	"github.com/openstack-faas/faas/internal/duework"
	"github.com/openstack-faas/faas/internal/store"
)

// Trusts deletes trusts in Keystone. There being no such trust is no error.
type Trusts interface {
	DeleteTrust(ctx context.Context, trustID string) error
}

// trustTimeout bounds the deletion of one trust.
const trustTimeout = 30 * time.Second

// DeleteTrust deletes a trust that no function has any more, or whose function was never recorded.
func (u *Upkeeper) DeleteTrust(ctx context.Context, i store.DueItem) (duework.Next, error) {
	ctx, cancel := context.WithTimeout(ctx, trustTimeout)
	defer cancel()
	return duework.Done(), u.cfg.Trusts.DeleteTrust(ctx, i.Ref)
}
