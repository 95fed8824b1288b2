package placement

import (
	"context"
	"errors"

	"github.com/openstack-faas/faas/internal/dispatch"
	"github.com/openstack-faas/faas/internal/engine/preparation"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/orchestrator"
	"github.com/openstack-faas/faas/internal/tracing"
)

// specialise makes a reserved generic worker the target's own. serves is false when another engine
// was first or the worker is gone; an error is about the function's code. The caller may have left
// before: what was begun is seen through.
func (p *Placer) specialise(
	ctx context.Context, w faas.Worker, target faas.Target,
) (_ faas.Worker, serves bool, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), preparation.Timeout)
	defer cancel()
	ctx, span := tracing.Start(ctx, "make a worker the function's")
	span.Set("faas.worker_id", w.ID)
	defer func() { span.End(err) }()
	environment, err := p.cfg.Variables.Environment(target)
	if err != nil {
		p.cfg.Fleet.Release(w.ID)
		return faas.Worker{}, false, err
	}
	loading, loaded := tracing.Start(ctx, "load the package")
	zip, release, err := p.cfg.Preparer.Package(loading, target)
	loaded.End(err)
	if err != nil {
		p.cfg.Fleet.Release(w.ID)
		return faas.Worker{}, false, err
	}
	defer release()
	if !p.cfg.Fleet.Prepare(ctx, w, target) {
		return faas.Worker{}, false, nil
	}
	begun := p.cfg.Now()
	spec := faas.Specialisation{
		Key: target.Key, Entry: target.Entry, SHA256: target.SHA256, MemorySize: target.MemorySize, Environment: environment,
	}
	sending, sent := tracing.StartClient(ctx, "specialise the worker")
	status, err := p.cfg.Client.Specialise(sending, w, spec, zip)
	sent.End(err)
	if err == nil && len(environment) > 0 && !status.Environment {
		p.cfg.Fleet.Discard(ctx, w)
		return faas.Worker{}, false, faas.Errorf(faas.Invalid, "The runtime of function %s was built before functions had an "+
			"environment, and sets none; its image must be built anew, or environment and secrets be removed.",
			target.Key.FunctionID)
	}
	if err == nil {
		p.log.Info("specialised a worker",
			"worker", w.ID, "function_id", target.Key.FunctionID, "took", p.cfg.Now().Sub(begun))
		w = p.cfg.Client.Resolved(w)
		w.Key, w.ProjectID = target.Key, target.ProjectID
		p.cfg.Fleet.Claim(w, orchestrator.Claim{
			Target: target, Footprint: status.Footprint, Secured: w.TLS == faas.TLSRequired,
		})
		return w, true, nil
	}
	return faas.Worker{}, false, p.notSpecialised(ctx, w, target, err)
}

// notSpecialised ends or leaves alone a worker that could not be specialised. The error it returns
// says that no other worker would do either; nil, that another may be tried.
func (p *Placer) notSpecialised(ctx context.Context, w faas.Worker, target faas.Target, err error) error {
	var refused *dispatch.RefusedError
	if dispatch.GatewayAway(err) {
		p.log.Warn("no gateway to a generic worker could be asked", "worker", w.ID, "error", err)
		p.cfg.Fleet.Lost(w.ID) // left alone for a moment, for one behind another gateway
		return nil
	}
	if !errors.As(err, &refused) {
		p.log.Warn("a generic worker could not be specialised", "worker", w.ID, "error", err)
		p.cfg.Fleet.Discard(ctx, w)
		p.cfg.Fleet.ReportSilent(w) // for the sake of the others on its node
		return nil
	}
	switch refused.Refused {
	case faas.RefusedPackage:
		p.cfg.Fleet.Discard(ctx, w)
		return faas.Errorf(faas.Invalid, "The function's package cannot be unpacked: %s", refused.Message)
	case faas.RefusedClaimed:
		p.cfg.Fleet.Lost(w.ID)
		p.cfg.Unowned() // another engine's, or its engine died before it could say whose the worker is
		return nil
	case faas.RefusedStarting:
		p.cfg.Fleet.Lost(w.ID) // not yet anybody's: left alone for a moment all the same
		return nil
	case faas.RefusedDraining:
		p.cfg.Fleet.Discard(ctx, w) // it ends, as when its pool shrinks: the news of that was slower
		return nil
	}
	// It answered: another would answer the same, and one function must not use up the pool.
	p.log.Error("a worker could not be specialised for a function",
		"worker", w.ID, "function_id", target.Key.FunctionID, "error", err)
	p.cfg.Fleet.Discard(ctx, w)
	return faas.Errorf(faas.Internal, "The function's code could not be loaded into a worker; the engine's log has the cause.").WithCause(err)
}
