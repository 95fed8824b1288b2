package dispatch

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// Acquire finds one more worker for a target: one that runs already and is not among the known, or
// a generic one that it specialises. An error of kind faas.Busy or faas.Unavailable may pass, so it
// is asked again; any other will not.
type Acquire func(ctx context.Context, req faas.AcquireRequest) (faas.Worker, error)

// Config is what a Dispatcher needs. Every field but Now and Log is required.
type Config struct {
	Client     *Client
	Acquire    Acquire
	Wait       time.Duration    // how long a call waits for a slot at most, if its context does not end before
	PerProject int              // calls of one project that may wait at a time; one more is refused at once
	Now        func() time.Time // nil: time.Now
	Log        *slog.Logger     // nil: slog.Default()
}

// Dispatcher sends calls to workers. It is safe for concurrent use.
type Dispatcher struct {
	cfg    Config
	id     string          // as a caller of Acquire
	ctx    context.Context // of the acquisitions, which outlive the calls that asked for them
	cancel context.CancelFunc
	done   sync.WaitGroup

	mu     sync.Mutex
	groups map[faas.Key]*group
	// waiting counts the calls that wait, by project. It is no fair.Limiter: a call waits for the
	// slots of its own function, of which other projects have none, so there are no turns to take.
	waiting map[string]int
	shunned shunned
	starts  startCost
	metrics metrics

	underway *Underway // has a lock of its own
}

// New makes a dispatcher; Close ends it.
func New(cfg Config) *Dispatcher {
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	ctx, cancel := context.WithCancel(context.Background())
	d := &Dispatcher{
		cfg: cfg, id: faas.NewID(), ctx: ctx, cancel: cancel,
		groups: map[faas.Key]*group{}, waiting: map[string]int{}, shunned: newShunned(cfg.Now),
		underway: NewUnderway(),
	}
	d.metrics = newMetrics(d)
	return d
}

// Close ends the search for workers and waits for it. Calls that wait are refused as unavailable;
// calls under way go on.
func (d *Dispatcher) Close() {
	d.mu.Lock()
	d.cancel() // under the lock, so that no search begins once this one is waited for
	d.mu.Unlock()
	d.done.Wait()
	d.cfg.Client.Close()
}

// Begin is called once, when a slot is had and just before the call is first sent: it records that
// the call has begun. When it fails the call is not sent and Call returns its error.
type Begin func(ctx context.Context) error

// Call runs a call on a worker of the target and returns its outcome. It waits for a slot within
// the context and the configured time; then the error's kind is faas.Busy. Once the call was sent,
// the context's end no longer stops it; that it is cancelled does, and the outcome says so. The
// error of one that was cancelled before has ErrCancelled in its chain. When a worker was lost with
// the call, the kind is faas.Internal and the message says that the function may have run.
func (d *Dispatcher) Call(ctx context.Context, target faas.Target, call faas.Call, begin Begin) (faas.Outcome, error) {
	way := &way{}
	ctx, span := startCall(ctx, target, call)
	outcome, err := d.call(ctx, target, call, begin, way)
	outcome.Story = way.told(outcome, err, d.cfg.Now())
	d.metrics.count(outcome, err)
	d.trace(ctx, target, call, way, outcome, err)
	endCall(span, way, outcome, err)
	return outcome, err
}

func (d *Dispatcher) call(
	ctx context.Context, target faas.Target, call faas.Call, begin Begin, way *way,
) (faas.Outcome, error) {
	life, leave := d.underway.Enter(ctx, call.ExecutionID, call.Key)
	defer leave()
	begun, cold, since, detour := false, false, d.cfg.Now(), detour{}
	for from := since; ; from = d.cfg.Now() {
		slot, err := d.take(ctx, life, target, since)
		if err != nil {
			return faas.Outcome{}, cmp.Or(Cancelled(life), detour.explain(err))
		}
		cold = cold || slot.cold
		way.took(slot, since, from, d.cfg.Now())
		if !begun {
			err := Cancelled(life)
			if err == nil {
				err = begin(ctx)
			}
			if err != nil {
				slot.release()
				return faas.Outcome{}, err
			}
			begun = true
		}
		if err := Cancelled(life); err != nil {
			slot.release()
			return faas.Outcome{}, err
		}
		outcome, again, err := d.try(life, slot, call, detour.long())
		if !again {
			outcome.Cold = cold
			return outcome, err
		}
		way.goesElsewhere(err, d.cfg.Now())
		if !detour.after(ctx, life, err) || detour.long() && d.cfg.Now().Sub(since) >= d.cfg.Wait {
			return faas.Outcome{}, cmp.Or(Cancelled(life), detour.explain(err))
		}
	}
}

// try sends the call to the slot's worker; again means that nothing of it began there, for the
// reason err, and another slot is to be taken. elsewhere says that gateways were away for long, so
// that a worker behind others is worth a try. The end of the call's life has the worker end it.
func (d *Dispatcher) try(
	life context.Context, s *slot, call faas.Call, elsewhere bool,
) (outcome faas.Outcome, again bool, err error) {
	stop, stopCancelling := d.renewing(s.worker.Worker, call), d.cancelling(life, s.worker.Worker, call)
	stopReading := d.readingLog(s.worker.Worker, call)
	outcome, err = d.send(life, s.worker.Worker, call)
	stop()
	stopCancelling()
	readLog, kept := stopReading()
	outcome.LogKept = kept
	if cancelled := Cancelled(life); cancelled != nil && outcome.Status == faas.ExecutionCancelled {
		outcome.Output = CancelledOutcome(cancelled).Output // the worker does not know why
	}
	var refused *RefusedError
	var unreachable *UnreachableError
	var unread *UnreadError
	switch {
	case err == nil:
		s.release()
		return outcome, false, nil
	case errors.As(err, &refused) && refused.Refused == faas.RefusedBusy:
		s.busyElsewhere()
		return outcome, true, err
	case errors.As(err, &refused):
		s.lose(false)
		return outcome, true, err
	case GatewayAway(err) && elsewhere:
		s.lose(false)
		return outcome, true, err
	case GatewayAway(err):
		s.leave()
		return outcome, true, err
	case errors.As(err, &unread):
		s.release() // its worker is well
		return outcome, false, faas.Errorf(faas.Internal,
			"The function has run, and its result is lost: the service had no memory for it in time.").WithCause(err)
	case errors.As(err, &unreachable):
		d.cfg.Log.Info(
			"a worker is out of reach", "worker", s.worker.ID, "function_id", s.worker.Key.FunctionID, "error",
			err,
		)
		s.lose(true)
		return outcome, true, err
	}
	s.lose(true)
	outcome.Log = readLog
	return outcome, false, faas.Errorf(
		faas.Internal, "The worker was lost while the function ran; the function may have run.",
	).
		WithCause(err)
}

// take returns a slot of a worker of the target. It waits for one if it must, until ctx or the
// call's life ends. since is when the call began to wait: a call that a worker refused keeps the
// time of its first wait.
func (d *Dispatcher) take(ctx, life context.Context, target faas.Target, since time.Time) (*slot, error) {
	d.mu.Lock()
	g := d.groups[target.Key]
	if g == nil {
		g = newGroup(d, target)
		d.groups[target.Key] = g
	}
	if s := g.free(); s != nil {
		d.mu.Unlock()
		return s, nil
	}
	if d.waiting[target.ProjectID] >= d.cfg.PerProject {
		d.mu.Unlock()
		return nil, busy("The project has too many calls waiting for a worker (%d at most).", d.cfg.PerProject)
	}
	waitsFor := waitsForSlot
	if len(g.workers) == 0 {
		waitsFor = waitsForWorker
	}
	ctx, span := startWait(ctx, waitsFor)
	w := g.queue(since)
	w.trace = ctx
	d.waiting[target.ProjectID]++
	d.mu.Unlock()

	wait, cancel := context.WithDeadline(ctx, time.Now().Add(d.cfg.Wait-d.cfg.Now().Sub(since)))
	defer cancel()
	defer context.AfterFunc(life, cancel)()
	s, err := w.wait(wait, d)
	span.End(err)
	d.metrics.waited.WithLabelValues(waitsFor).Observe(d.cfg.Now().Sub(since).Seconds())
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.waiting[target.ProjectID]--; d.waiting[target.ProjectID] == 0 {
		delete(d.waiting, target.ProjectID)
	}
	g.tidy()
	if s != nil {
		s.cold = waitsFor == waitsForWorker
	}
	return s, err
}

// Forget drops a worker that is gone.
func (d *Dispatcher) Forget(workerID string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, g := range d.groups {
		for _, w := range g.workers {
			if w.ID == workerID {
				g.drop(w)
				return
			}
		}
	}
}

// FunctionChanged drops the workers that are to end, and ends the calls of a function, or of
// a version, that was deleted. News may come late, so that workers may be newer than it.
func (d *Dispatcher) FunctionChanged(change faas.FunctionChanged) {
	d.underway.FunctionChanged(change)
	d.mu.Lock()
	defer d.mu.Unlock()
	for key, g := range d.groups {
		if !change.Ends(key) {
			continue
		}
		for len(g.workers) > 0 {
			g.drop(g.workers[0])
		}
	}
}

// retryAfter is the Retry-After of a refused call: slots come free in milliseconds to seconds.
const retryAfter = time.Second

func busy(format string, args ...any) error {
	e := faas.Errorf(faas.Busy, format, args...)
	e.RetryAfter = retryAfter
	return e
}
