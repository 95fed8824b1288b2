package preparation

import (
	"context"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/quota"
	"github.com/openstack-faas/faas/internal/store"
	"github.com/openstack-faas/faas/internal/swiftcode"
)

// Objects is how the engine looks whether the objects in Swift that functions' code is from have
// changed. Every field but Quota is required.
type Objects struct {
	Source *swiftcode.Source
	// Token returns a token of the function's trust; its errors are of kind Forbidden or
	// Unavailable.
	Token    func(ctx context.Context, trustID string) (faas.Secret, error)
	Forget   func(trustID string) // has Token return another one: Swift does not take the one before
	Interval time.Duration        // between two looks at the objects of functions that run
	// Quota returns what a project may have, packages among it; nil: anything.
	Quota func(ctx context.Context, projectID string) (faas.Amounts, error)
}

const (
	lookTimeout  = 2 * time.Second // for Keystone and Swift together to say whether an object has changed
	lookParallel = 4
)

// looksAtObject reports whether a worker for the target is to start with what its object holds by
// then. Where some run already, one more is as they are.
func (p *Preparer) looksAtObject(target faas.Target) bool {
	return p.cfg.Objects != nil && target.FromSwift && target.TrustID != "" && !p.cfg.Serves(target.Key)
}

// lookAt returns nil when the revision of the function is the newest and its code what its object
// holds. Where the database is behind the revision, as one of a cluster's may be, whoever asks
// knows better, and nothing is looked at.
func (p *Preparer) lookAt(ctx context.Context, key faas.Key) error {
	f, err := p.cfg.Functions.Function(ctx, faas.AnyProject(), key.FunctionID)
	switch {
	case err != nil:
		return err
	case f.Revision > key.Revision:
		return outdatedBy(f)
	case f.Revision < key.Revision, f.Code.Source != faas.SourceSwift || f.TrustID == "":
		return nil
	}
	return p.refresh(ctx, f)
}

func outdatedBy(f faas.Function) error {
	return faas.Errorf(faas.Outdated, "Function %s has changed; call it again.", f.ID)
}

// refresh takes the object's new content for the function's code, if it has one; the error's kind
// is Outdated then.
func (p *Preparer) refresh(ctx context.Context, f faas.Function) error {
	code, err := p.changedCode(ctx, f)
	if faas.KindOf(err) == faas.Unauthenticated { // revoked since it was got, as when its user has another password
		p.cfg.Objects.Forget(f.TrustID)
		code, err = p.changedCode(ctx, f)
	}
	switch {
	case faas.KindOf(err) == faas.Unauthenticated: // a new token, too: Swift or Keystone is not well
		return faas.Errorf(faas.Unavailable,
			"The function's code cannot be read now: Swift refuses the token of the function's trust.").WithCause(err)
	case err != nil || code == f.Code:
		return err
	}
	err = p.recordCode(ctx, f, code)
	p.rejected.remember(f.ID, code.ETag, err, p.cfg.Now())
	return err
}

// changedCode returns the code that the object holds now, its bytes kept; the function's own when
// that is it.
func (p *Preparer) changedCode(ctx context.Context, f faas.Function) (faas.Code, error) {
	from := p.cfg.Objects
	asking, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	token, err := from.Token(asking, f.TrustID)
	if err != nil {
		return f.Code, err
	}
	etag, err := from.Source.ETag(asking, token, f.ProjectID, f.Code)
	if err != nil || etag == f.Code.ETag {
		return f.Code, err
	}
	if err := p.rejected.why(f.ID, etag, p.cfg.Now()); err != nil {
		return f.Code, err
	}
	code, err := from.Source.Fetch(ctx, token, f.ProjectID, f.Code, p.room(f))
	p.rejected.remember(f.ID, code.ETag, err, p.cfg.Now())
	return code, err
}

// room returns whether the function's project may keep another package in the place of the
// function's. What holds is counted when it is recorded.
func (p *Preparer) room(f faas.Function) swiftcode.Room {
	if p.cfg.Objects.Quota == nil {
		return nil
	}
	return quota.PackageRoom(p.cfg.Usage, p.cfg.Objects.Quota, f.ProjectID, f.Code.Size)
}

// recordCode makes the code the function's, and says so with an error of kind Outdated.
func (p *Preparer) recordCode(ctx context.Context, f faas.Function, code faas.Code) (err error) {
	change := store.FunctionChange{Code: &code, Revision: f.Revision}
	if quota := p.cfg.Objects.Quota; quota != nil {
		if change.Quota, err = quota(ctx, f.ProjectID); err != nil {
			return err
		}
	}
	after, err := p.cfg.Functions.UpdateFunction(ctx, faas.OneProject(f.ProjectID), f.ID, change)
	switch {
	case faas.KindOf(err) == faas.Conflict:
		return outdatedBy(f) // by somebody else
	case err != nil:
		return err
	}
	p.log.Info("a function's code changed in Swift",
		"function_id", f.ID, "revision", after.Revision, "sha256", code.SHA256)
	p.cfg.Changed(ctx, faas.FunctionChanged{FunctionID: f.ID, Revision: after.Revision})
	return outdatedBy(f)
}

// CheckObjects looks at the objects of functions that run, so that their workers are replaced when
// the code has changed. It does nothing for those that are not from Swift.
func (p *Preparer) CheckObjects(ctx context.Context, running []faas.Key) {
	if p.cfg.Objects == nil {
		return
	}
	var g errgroup.Group
	g.SetLimit(lookParallel)
	for _, key := range running {
		g.Go(func() error {
			p.checkObject(ctx, key)
			return nil
		})
	}
	_ = g.Wait() // no task returns an error: each logs its own
}

// checkObject looks at the object of a function that runs. Its workers go on whatever the object
// has become, unless it is another code.
func (p *Preparer) checkObject(ctx context.Context, key faas.Key) {
	one := p.join(task{key: key, object: true}, func(ctx context.Context) error { return p.lookAt(ctx, key) })
	select {
	case <-one.done:
	case <-ctx.Done():
		return
	}
	level := slog.LevelInfo // the function's own fault, said when it is called without a worker
	switch faas.KindOf(one.err) {
	case "", faas.Outdated, faas.NotFound:
		return
	case faas.Unavailable, faas.Internal:
		level = slog.LevelWarn
	default:
	}
	p.log.Log(ctx, level, "a function's object in Swift cannot be had; its workers go on with the code that they have",
		"function_id", key.FunctionID, "error", one.err)
}
