// Package local runs workers as processes of this machine: one faas-agent for each, which starts
// the language runtime. faas-standalone uses it. When the service runs as root, every worker has a
// user of its own and, where the host allows it, control groups. Otherwise workers share the
// service's user and are less isolated: see Describe.
//
// A worker does not outlive the service: its agent ends when the pipe to this process breaks. What
// is left behind all the same, because an agent was killed too, is swept at the next start.
package local

import (
	"context"
	"errors"
	"fmt"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/orchestrator"
)

// Orchestrator implements orchestrator.Orchestrator with processes. It is safe for concurrent use.
type Orchestrator struct {
	*host
	*roster
	*enforcement
}

var _ orchestrator.Orchestrator = (*Orchestrator)(nil)

// New locks the state directory for this process, ends what an earlier one left behind and is then
// ready for pools. It fails when another process holds the directory, or when workers could not be
// isolated as configured.
func New(ctx context.Context, cfg Config) (*Orchestrator, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("local orchestrator: %w", err)
	}
	state, err := openState(cfg.Dir)
	if err != nil {
		return nil, fmt.Errorf("local orchestrator: %w", err)
	}
	o, err := build(ctx, cfg, state)
	if err != nil {
		return nil, fmt.Errorf("local orchestrator: %w", errors.Join(err, state.close()))
	}
	for _, line := range o.Describe() {
		o.log.Info("limits of workers here: " + line)
	}
	return o, nil
}

func build(ctx context.Context, cfg Config, state *stateDir) (*Orchestrator, error) {
	h, err := newHost(ctx, cfg, state)
	if err != nil {
		return nil, err
	}
	languages, err := newLanguages(h.run, cfg.Interpreters, h.workerCredential(cfg.Users.First))
	if err != nil {
		return nil, errors.Join(err, removeTree(h.run))
	}
	h.shared = h.probeOwnFolders()
	r := newRoster(h, languages)
	r.wait.Go((&scratchWatch{r}).boundScratch)
	return &Orchestrator{host: h, roster: r, enforcement: &enforcement{h}}, nil
}

// SetPool creates or changes a runtime's pool. For an image that is no built-in runtime, or whose
// interpreter cannot be run here, it returns an error and changes nothing.
func (o *Orchestrator) SetPool(ctx context.Context, spec orchestrator.Pool) error {
	if spec.Size < 0 {
		return faas.Errorf(faas.Invalid, "A pool cannot have a size of %d.", spec.Size)
	}
	if err := orchestrator.CheckUnplaced(spec); err != nil {
		return err
	}
	language, err := o.languages.find(ctx, spec.Image)
	if err != nil {
		return err
	}
	p, err := o.pool(spec.RuntimeID)
	if err != nil {
		return err
	}
	p.set(spec, language)
	return p.awaitReady(ctx)
}

// Extend starts n generic workers beside those of the pool's size.
func (o *Orchestrator) Extend(_ context.Context, pool orchestrator.Pool, n int) (ids []string, err error) {
	o.mu.Lock()
	p, closed := o.pools[pool.RuntimeID], o.closed
	o.mu.Unlock()
	switch {
	case closed:
		return nil, errClosed()
	case p == nil:
		return nil, orchestrator.ErrNoPool(pool.RuntimeID)
	}
	return p.extend(n), nil
}

// Reduce ends those of them that were not claimed.
func (o *Orchestrator) Reduce(_ context.Context, runtimeID string) error {
	o.mu.Lock()
	p := o.pools[runtimeID]
	o.mu.Unlock()
	if p != nil {
		p.reduce()
	}
	return nil
}

// DeletePool ends the runtime's pool and its generic workers, and returns when those are gone.
func (o *Orchestrator) DeletePool(ctx context.Context, runtimeID string) error {
	o.mu.Lock()
	p := o.pools[runtimeID]
	delete(o.pools, runtimeID)
	o.mu.Unlock()
	if p == nil {
		return nil
	}
	return p.end(ctx)
}

// Workers returns a copy of every worker known now.
func (o *Orchestrator) Workers() []faas.Worker { return o.feed.Workers() }

// Watch delivers the workers, then their changes, until ctx or the orchestrator ends.
func (o *Orchestrator) Watch(ctx context.Context) <-chan []orchestrator.Change {
	return o.feed.Watch(ctx)
}

// Events delivers what changes with workers from now until ctx or the orchestrator ends.
func (o *Orchestrator) Events(ctx context.Context) <-chan orchestrator.Event {
	return o.events.Subscribe(ctx)
}

// Prepare sets the function's own memory. It keeps its pool's CPU: the first call starts faster
// with it.
func (o *Orchestrator) Prepare(ctx context.Context, workerID string, target faas.Target) error {
	o.mu.Lock()
	w := o.workers[workerID]
	ready := w != nil && w.phase != phaseStarting // from then on its group and its footprint are known
	o.mu.Unlock()
	if !ready {
		return faas.Errorf(faas.NotFound, "There is no worker %s that is ready.", workerID)
	}
	if w.group == nil {
		return nil
	}
	if err := setMemory(ctx, w.group, w.warm.memory+target.MemorySize); err != nil {
		return fmt.Errorf("memory limit of worker %s: %w", workerID, err)
	}
	return nil
}

// Claimed takes the worker out of its pool, which refills, and sets the function's own limits. An
// error of kind faas.NotFound says that the worker is gone; after any other the worker is claimed
// but runs under its pool's limits.
func (o *Orchestrator) Claimed(ctx context.Context, workerID string, claim orchestrator.Claim) error {
	w, err := o.claim(workerID, claim.Target)
	if err != nil {
		return err
	}
	if err := o.limits.own(ctx, w.group, w.warm, claim.Target); err != nil {
		return fmt.Errorf("limits of worker %s: %w", workerID, err)
	}
	return nil
}

func (o *Orchestrator) claim(workerID string, target faas.Target) (*worker, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	w := o.workers[workerID]
	switch {
	case w == nil:
		return nil, faas.Errorf(faas.NotFound, "There is no worker %s.", workerID)
	case !w.Generic() && w.Key != target.Key:
		return nil, faas.Errorf(faas.Conflict, "Worker %s serves %s.", workerID, w.Key)
	case w.phase == phaseStarting:
		return nil, faas.Errorf(faas.Conflict, "Worker %s is not ready yet.", workerID)
	}
	w.Key, w.ProjectID, w.Ready = target.Key, target.ProjectID, true
	w.phase = phaseClaimed
	o.feed.Set(w.Worker)
	if p := w.pool; p != nil {
		w.pool = nil
		p.failures = 0
		p.lost(w)
		p.poke()
	}
	return w, nil
}

// Remove ends the worker at once and returns when its processes, its folder and its control group
// are gone, or ctx has ended.
func (o *Orchestrator) Remove(ctx context.Context, workerID string) error {
	o.mu.Lock()
	w := o.workers[workerID]
	o.mu.Unlock()
	if w == nil {
		return nil
	}
	w.end("removed")
	return w.awaitGone(ctx)
}

// Close ends every worker, waits until they are gone and unlocks the state directory.
func (o *Orchestrator) Close() error {
	o.mu.Lock()
	if o.closed {
		o.mu.Unlock()
		return nil
	}
	o.closed = true
	for _, w := range o.workers {
		w.end("the service stops")
	}
	o.mu.Unlock()
	o.stop()
	o.wait.Wait()
	o.events.Close()
	o.feed.Close()
	return errors.Join(o.limits.close(), removeTree(o.run), o.state.close())
}
