package several

import (
	"context"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/orchestrator"
	"github.com/openstack-faas/faas/internal/workertls"
)

// claims makes workers functions' own, and ends workers, in the clusters that they are in.
type claims struct{ *clusters }

// Vouch implements orchestrator.Voucher.
func (c *claims) Vouch(ctx context.Context, workerID, shown string) error {
	m, err := c.find(workerID)
	if err != nil {
		return err
	}
	voucher, is := m.inner.(orchestrator.Voucher)
	if !is {
		return workertls.ErrNoVouching
	}
	return voucher.Vouch(ctx, workerID, shown)
}

// Introduce implements orchestrator.Voucher.
func (c *claims) Introduce(
	ctx context.Context, workerID string, introduce func(ctx context.Context) error,
) error {
	m, err := c.find(workerID)
	if err != nil {
		return err
	}
	voucher, is := m.inner.(orchestrator.Voucher)
	if !is {
		return workertls.ErrNoVouching
	}
	return voucher.Introduce(ctx, workerID, introduce)
}

// Prepare implements orchestrator.Orchestrator.
func (c *claims) Prepare(ctx context.Context, workerID string, target faas.Target) error {
	if c.closed() {
		return errClosed()
	}
	m, err := c.find(workerID)
	if err != nil {
		return err
	}
	return m.inner.Prepare(ctx, workerID, target)
}

// Claimed implements orchestrator.Orchestrator. A worker of a cluster that is lost is gone.
func (c *claims) Claimed(ctx context.Context, workerID string, claim orchestrator.Claim) error {
	if c.closed() {
		return errClosed()
	}
	m, err := c.find(workerID)
	if err != nil {
		return err
	}
	c.mu.Lock()
	left := m.left
	c.mu.Unlock()
	ctx, cancel := c.until(ctx, left)
	defer cancel()
	if err := m.inner.Claimed(ctx, workerID, claim); err != nil {
		if _, gone := c.find(workerID); gone != nil && !c.closed() {
			return gone
		}
		return err
	}
	c.await(ctx, func() bool {
		w, there := c.shown[workerID]
		return !there || w.Key == claim.Target.Key
	})
	return nil
}

// Remove implements orchestrator.Orchestrator. Of a cluster that is lost the worker is gone; it is
// removed when the cluster is back.
func (c *claims) Remove(ctx context.Context, workerID string) error {
	if c.closed() {
		return errClosed()
	}
	if m, err := c.find(workerID); err == nil {
		if err := m.inner.Remove(ctx, workerID); err != nil {
			return err
		}
		c.await(ctx, func() bool {
			_, there := c.shown[workerID]
			return !there
		})
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, m := range c.members {
		if _, known := m.known[workerID]; known {
			c.removeInBackground(m, workerID)
		}
	}
	return nil
}
