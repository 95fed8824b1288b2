package keystone

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/tokens"
)

// proven checks by a login that Keystone still accepts the service's password. Concurrent callers
// share one login. The error is ErrUnavailable, or ctx's. After a refusal no login is tried for
// ownPause, because Keystone locks out users who fail too often. Requests that need no password go
// on meanwhile.
func (c *Client) proven(ctx context.Context) error {
	detached := context.WithoutCancel(ctx)
	answer := c.flights.DoChan("proof", func() (any, error) { return nil, c.prove(detached) })
	select {
	case r := <-answer:
		return r.Err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *Client) prove(ctx context.Context) error {
	const op = "authenticating the service once more"
	if _, allowed := c.password.enter(c.now()); !allowed {
		return fmt.Errorf("%s: %w: it did so a moment ago", op, errOurselves)
	}
	var own *ownToken
	err := c.ask(ctx, op, true, func(ctx context.Context) (err error) {
		own, err = c.authenticate(ctx, op, c.ownScope())
		return err
	})
	switch s := status(err); {
	case err == nil:
		c.own.Store(own)
		if c.password.worked() {
			c.log.Info("Keystone accepts the service's password again")
		}
		return nil
	case s >= http.StatusBadRequest && !errors.Is(err, ErrUnavailable):
		return c.unproven(opaque(err))
	default:
		return err
	}
}

// unproven records that Keystone refuses the service's password. It logs the first refusal only.
func (c *Client) unproven(err error) error {
	err = fmt.Errorf(
		"%w: its password is wrong, has expired or is locked out, or its user, domain or project is disabled: %w",
		errOurselves, err,
	)
	c.counts.failures.Add(1)
	if c.password.failed(c.now(), ownPause) {
		c.log.Error(
			"Keystone refuses the service's own credentials: functions get no new tokens; those that they have stay in use",
			"error", err,
		)
	}
	return err
}

// ownScope returns the scope of the service's own tokens.
func (c *Client) ownScope() tokens.Scope {
	return tokens.Scope{ProjectName: c.cfg.Project, DomainName: c.cfg.ProjectDomain}
}
