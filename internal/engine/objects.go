package engine

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
	"github.com/openstack-faas/faas/internal/swiftcode"
)

// Objects is how the engine looks whether the objects in Swift that functions' code is from have changed. Every field but Quota is required.
type Objects struct {
	Source   *swiftcode.Source
	Token    func(ctx context.Context, trustID string) (faas.Secret, error)    // of the function's trust; its errors are of kind Forbidden or Unavailable
	Interval time.Duration                                                     // between two looks at the objects of functions that run
	Forget   func(trustID string)                                              // has Token give another one: Swift does not take the one before
	Quota    func(ctx context.Context, projectID string) (faas.Amounts, error) // what a project may have, packages among it; nil: anything
}

const (
	lookPatience = 2 * time.Second // for Keystone and Swift together to say whether an object has changed
	lookParallel = 4
)

// looksAtObject tells whether a worker for the target is to start with what its object holds by then. Where some run already, one more is as they are.
func (e *Engine) looksAtObject(target faas.Target) bool {
	return e.cfg.Objects != nil && target.FromSwift && target.TrustID != "" && !e.serves(target.Key)
}

// serves tells whether a worker runs the key.
func (e *Engine) serves(key faas.Key) bool {
	for _, w := range e.workers() {
		if w.Key == key && w.Ready {
			return true
		}
	}
	return false
}

// lookAt gives nil when the revision of the function is the newest and its code what its object holds. Where the database is behind the revision, as one
// of a cluster's may be, whoever asks knows better, and nothing is looked at.
func (e *Engine) lookAt(ctx context.Context, key faas.Key) error {
	f, err := e.cfg.Store.Function(ctx, faas.AnyProject(), key.FunctionID)
	switch {
	case err != nil:
		return err
	case f.Revision > key.Revision:
		return outdatedBy(f)
	case f.Revision < key.Revision, f.Code.Source != faas.SourceSwift || f.TrustID == "":
		return nil
	}
	return e.refresh(ctx, f)
}

func outdatedBy(f faas.Function) error {
	return faas.Errorf(faas.Outdated, "Function %s has changed; call it again.", f.ID)
}

// refresh takes the object's new content for the function's code, if it has one; the error's kind is Outdated then.
func (e *Engine) refresh(ctx context.Context, f faas.Function) error {
	code, err := e.changedCode(ctx, f)
	if faas.KindOf(err) == faas.Unauthenticated { // revoked since it was got, as when its user has another password
		e.cfg.Objects.Forget(f.TrustID)
		code, err = e.changedCode(ctx, f)
	}
	switch {
	case faas.KindOf(err) == faas.Unauthenticated: // a new one, too: Swift or Keystone is not well
		return faas.Errorf(faas.Unavailable, "The function's code cannot be read now: Swift does not take the token of the function's trust.").WithCause(err)
	case err != nil || code == f.Code:
		return err
	}
	err = e.recordCode(ctx, f, code)
	e.spoiled.remember(f.ID, code.ETag, err, e.now())
	return err
}

// changedCode gives the code that the object holds now, its bytes kept; the function's own when that is it.
func (e *Engine) changedCode(ctx context.Context, f faas.Function) (faas.Code, error) {
	from := e.cfg.Objects
	asking, cancel := context.WithTimeout(ctx, lookPatience)
	defer cancel()
	token, err := from.Token(asking, f.TrustID)
	if err != nil {
		return f.Code, err
	}
	etag, err := from.Source.ETag(asking, token, f.ProjectID, f.Code)
	if err != nil || etag == f.Code.ETag {
		return f.Code, err
	}
	if err := e.spoiled.of(f.ID, etag, e.now()); err != nil {
		return f.Code, err
	}
	code, err := from.Source.Fetch(ctx, token, f.ProjectID, f.Code, e.roomFor(f))
	e.spoiled.remember(f.ID, code.ETag, err, e.now())
	return code, err
}

// roomFor tells whether the function's project may keep another package in the place of the function's. What holds is counted when it is recorded.
func (e *Engine) roomFor(f faas.Function) swiftcode.Room {
	if e.cfg.Objects.Quota == nil {
		return nil
	}
	return func(ctx context.Context, size int64) error {
		limits, err := e.cfg.Objects.Quota(ctx, f.ProjectID)
		if err != nil || limits.Limit(faas.ResourcePackages) == faas.Unlimited {
			return err
		}
		used, err := e.cfg.Store.QuotaUsage(ctx, f.ProjectID)
		if err != nil {
			return err
		}
		return limits.Fits(faas.ResourcePackages, used[faas.ResourcePackages], size-f.Code.Size)
	}
}

// recordCode makes the code the function's, and says so with an error of kind Outdated.
func (e *Engine) recordCode(ctx context.Context, f faas.Function, code faas.Code) (err error) {
	change := store.FunctionChange{Code: &code, Revision: f.Revision}
	if quota := e.cfg.Objects.Quota; quota != nil {
		if change.Quota, err = quota(ctx, f.ProjectID); err != nil {
			return err
		}
	}
	after, err := e.cfg.Store.UpdateFunction(ctx, faas.OneProject(f.ProjectID), f.ID, change)
	switch {
	case faas.KindOf(err) == faas.Conflict:
		return outdatedBy(f) // by somebody else
	case err != nil:
		return err
	}
	e.log.Info("a function's code changed in Swift", "function_id", f.ID, "revision", after.Revision, "sha256", code.SHA256)
	e.tellChanged(ctx, faas.FunctionChanged{FunctionID: f.ID, Revision: after.Revision})
	return outdatedBy(f)
}

// tellChanged tells every engine and API, so that workers of older revisions end.
func (e *Engine) tellChanged(ctx context.Context, change faas.FunctionChanged) {
	body, _ := json.Marshal(change) // strings and numbers: cannot fail
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), publishPatience)
	defer cancel()
	if err := e.cfg.Broker.Broadcast(ctx, faas.TopicFunction, body); err != nil {
		e.log.Warn("a function's change could not be broadcast", "function_id", change.FunctionID, "error", err)
		e.functionChanged(body)
	}
}

// watchObjects looks at the objects of functions that run, so that their workers are replaced when the code has changed.
func (e *Engine) watchObjects(ctx context.Context) {
	if e.cfg.Objects != nil {
		every(ctx, e.cfg.Objects.Interval, e.lookAtObjects)
	}
}

func (e *Engine) lookAtObjects(ctx context.Context) {
	running := map[faas.Key]bool{}
	for _, w := range e.workers() {
		if !w.Generic() && w.Key.Version == 0 && e.shards.owns(w.Key.FunctionID) {
			running[w.Key] = true
		}
	}
	var g errgroup.Group
	g.SetLimit(lookParallel)
	for key := range running {
		g.Go(func() error {
			e.lookAgain(ctx, key)
			return nil
		})
	}
	_ = g.Wait() // no task returns an error: each logs its own
}

// lookAgain looks at the object of a function that runs. Its workers go on whatever the object has become, unless it is another code.
func (e *Engine) lookAgain(ctx context.Context, key faas.Key) {
	one := e.looks.join(preparation{key: key, look: true}, func(ctx context.Context) error { return e.lookAt(ctx, key) })
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
	e.log.Log(ctx, level, "a function's object in Swift cannot be had; its workers go on with the code that they have", "function_id", key.FunctionID, "error", one.err)
}
