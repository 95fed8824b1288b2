package engine

import (
	"context"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/session"
	"github.com/openstack-faas/faas/internal/store"
)

// Trusts is what functions act by in OpenStack.
type Trusts struct {
	Sessions *session.Sessions
	Keystone Keystone
}

// Keystone is what the engine asks of it besides tokens.
type Keystone interface {
	DeleteTrust(ctx context.Context, trustID string) error
	ProjectEnabled(ctx context.Context, projectID string) (bool, error)
}

const (
	// projectPatience bounds how long a call waits to hear whether its project is still there. Without an answer it goes on.
	projectPatience = 2 * time.Second
	// trustPause is the time between two looks for trusts that are to be deleted.
	trustPause = 15 * time.Second
	// trustBatch is how many are deleted at each look.
	trustBatch = 100
	// trustPatience bounds the deletion of one, and is meanwhile how long no other engine tries.
	trustPatience = 30 * time.Second
	// lastTrustWait is the longest pause before a deletion that has failed is tried again.
	lastTrustWait = time.Hour
)

// act puts into the call what its function acts with in OpenStack, if it acts for anybody. Kind Forbidden says that the function no longer runs,
// because its project or what it acts by is no more.
func (e *Engine) act(ctx context.Context, f faas.Function, call *faas.Call) (err error) {
	if e.cfg.Trusts == nil {
		return nil
	}
	if !e.projectLives(ctx, f.ProjectID) {
		return faas.Errorf(faas.Forbidden, "The project is gone or disabled: its functions do not run.")
	}
	if f.TrustID != "" {
		call.Context, call.Renewal, err = e.cfg.Trusts.Sessions.ForCall(ctx, f.TrustID, e.cfg.Limits.Wait, f.Timeout)
	}
	return err
}

// projectLives tells whether the project is not known to be gone or disabled.
func (e *Engine) projectLives(ctx context.Context, projectID string) bool {
	ctx, cancel := context.WithTimeout(ctx, projectPatience)
	defer cancel()
	enabled, err := e.cfg.Trusts.Keystone.ProjectEnabled(ctx, projectID)
	if err != nil {
		e.log.Debug("Keystone does not say whether a project is enabled", "project_id", projectID, "error", err)
	}
	return enabled || err != nil
}

// deleteTrusts deletes the trusts that no function has any more, and those whose functions were never recorded.
func (e *Engine) deleteTrusts(ctx context.Context) {
	if e.cfg.Trusts == nil {
		return
	}
	every(ctx, trustPause, e.deleteTrustsOnce)
}

func (e *Engine) deleteTrustsOnce(ctx context.Context) {
	due, err := e.cfg.Store.DueTrustDeletions(ctx, e.now(), trustBatch)
	if err != nil {
		e.log.Warn("the trusts that are to be deleted cannot be read", "error", err)
		return
	}
	for _, d := range due {
		if ctx.Err() != nil || !e.deleteTrust(ctx, d) {
			return
		}
	}
}

// deleteTrust reports whether it is worth going on with others.
func (e *Engine) deleteTrust(ctx context.Context, d store.TrustDeletion) bool {
	now := e.now()
	again := now.Add(max(trustPatience, min(lastTrustWait, trustPause<<min(d.Attempts, 10))))
	taken, err := e.cfg.Store.ClaimTrustDeletion(ctx, d.TrustID, now, again)
	if err != nil || !taken {
		return err == nil
	}
	ctx, cancel := context.WithTimeout(ctx, trustPatience)
	defer cancel()
	if err = e.cfg.Trusts.Keystone.DeleteTrust(ctx, d.TrustID); err == nil {
		err = e.cfg.Store.FinishTrustDeletion(ctx, d.TrustID)
	}
	if err != nil {
		e.log.Warn("a trust could not be deleted", "trust_id", d.TrustID, "attempts", d.Attempts+1, "again", again, "error", err)
	}
	return faas.KindOf(err) != faas.Unavailable
}
