package trigger

import (
	"context"

	"github.com/gophercloud/gophercloud/v2"

	"github.com/openstack-faas/faas/internal/faas"
)

// Service returns a client of the service of the type with the service's own token, for what is
// left of a trigger whose trust is gone. What it may do in the projects of others is the
// operator's decision. Errors are as those of Client.
func (c Trusts) Service(ctx context.Context, serviceType string) (*gophercloud.ServiceClient, error) {
	token, err := c.Keystone.ServiceToken(ctx)
	if err != nil {
		return nil, faas.Errorf(faas.Unavailable, "Keystone gives the service no token now.").WithCause(err)
	}
	return c.client(ctx, "", serviceType, token)
}
