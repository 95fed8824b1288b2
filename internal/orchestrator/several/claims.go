package several

import (
	"context"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/orchestrator"
	"github.com/openstack-faas/faas/internal/workertls"
)

// removeTimeout bounds how long the removal of a worker that nobody waits for may take.
const removeTimeout = 30 * time.Second

func (o *Orchestrator) removeInBackground(m *member, workerID string) {
	o.wait.Go(func() {
		ctx, cancel := context.WithTimeout(o.ctx, removeTimeout)
		defer cancel()
		if err := m.inner.Remove(ctx, workerID); err != nil && !o.closed() {
			o.log.Warn("a worker could not be removed yet", "cluster", m.Name, "worker", workerID, "error", err)
		}
	})
}

// until returns a context that ends with ctx, with the orchestrator, or when the channel is closed.
func (o *Orchestrator) until(ctx context.Context, over <-chan struct{}) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		select {
		case <-over:
		case <-o.ctx.Done():
		case <-ctx.Done():
		}
		cancel()
	}()
	return ctx, cancel
}

func errNotThere(workerID string) error {
	return faas.Errorf(faas.NotFound, "There is no worker %s.", workerID)
}

// find returns the cluster that the worker is shown in.
func (o *Orchestrator) find(workerID string) (*member, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	w, there := o.shown[workerID]
	if !there {
		return nil, errNotThere(workerID)
	}
	return w.of, nil
}

// Vouch implements orchestrator.Voucher.
func (o *Orchestrator) Vouch(ctx context.Context, workerID, shown string) error {
	m, err := o.find(workerID)
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
func (o *Orchestrator) Introduce(
	ctx context.Context, workerID string, introduce func(ctx context.Context) error,
) error {
	m, err := o.find(workerID)
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
func (o *Orchestrator) Prepare(ctx context.Context, workerID string, target faas.Target) error {
	if o.closed() {
		return errClosed()
	}
	m, err := o.find(workerID)
	if err != nil {
		return err
	}
	return m.inner.Prepare(ctx, workerID, target)
}

// Claimed implements orchestrator.Orchestrator. A worker of a cluster that is lost is gone.
func (o *Orchestrator) Claimed(ctx context.Context, workerID string, claim orchestrator.Claim) error {
	if o.closed() {
		return errClosed()
	}
	m, err := o.find(workerID)
	if err != nil {
		return err
	}
	o.mu.Lock()
	left := m.left
	o.mu.Unlock()
	ctx, cancel := o.until(ctx, left)
	defer cancel()
	if err := m.inner.Claimed(ctx, workerID, claim); err != nil {
		if _, gone := o.find(workerID); gone != nil && !o.closed() {
			return gone
		}
		return err
	}
	o.await(ctx, func() bool {
		w, there := o.shown[workerID]
		return !there || w.Key == claim.Target.Key
	})
	return nil
}

// Remove implements orchestrator.Orchestrator. Of a cluster that is lost the worker is gone; it is
// removed when the cluster is back.
func (o *Orchestrator) Remove(ctx context.Context, workerID string) error {
	if o.closed() {
		return errClosed()
	}
	if m, err := o.find(workerID); err == nil {
		if err := m.inner.Remove(ctx, workerID); err != nil {
			return err
		}
		o.await(ctx, func() bool {
			_, there := o.shown[workerID]
			return !there
		})
		return nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, m := range o.members {
		if _, known := m.known[workerID]; known {
			o.removeInBackground(m, workerID)
		}
	}
	return nil
}
