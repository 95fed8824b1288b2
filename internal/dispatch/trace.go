package dispatch

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// way is what is told of a call besides its outcome.
type way struct {
	workerID string        // the last that it was sent to; "" for none
	waited   time.Duration // until there was a slot of that
	story    []faas.StoryEvent
}

// maxStory bounds what is told of one call that many workers refuse.
const maxStory = 8

// took notes that the call has a slot. since is when it began to wait, from when it did so last.
func (w *way) took(s *slot, since, from, now time.Time) {
	w.workerID, w.waited = s.worker.ID, now.Sub(since)
	kind := faas.StorySlot
	switch {
	case s.cold:
		kind = faas.StoryCold
	case now.Sub(from) < faas.NoteworthyWait:
		return
	}
	w.tell(faas.StoryEvent{Kind: kind, At: now, Took: now.Sub(from), Worker: s.worker.ID})
}

// goesElsewhere notes that the worker has not begun the call. That it was busy with calls of other
// processes is usual, and only the wait for a slot is told then.
func (w *way) goesElsewhere(why error, now time.Time) {
	var refused *RefusedError
	if errors.As(why, &refused) && refused.Refused == faas.RefusedBusy {
		return
	}
	w.tell(faas.StoryEvent{Kind: faas.StoryElsewhere, At: now, Worker: w.workerID, Detail: reasonOf(why)})
}

func (w *way) tell(e faas.StoryEvent) {
	if len(w.story) < maxStory {
		w.story = append(w.story, e)
	}
}

// told returns the story of a call that has ended: with the worker, if it has not succeeded there.
func (w *way) told(outcome faas.Outcome, err error, now time.Time) []faas.StoryEvent {
	if w.workerID != "" && (err != nil || outcome.Status != faas.ExecutionSuccess) {
		w.story = append(w.story, faas.StoryEvent{Kind: faas.StoryRan, At: now, Worker: w.workerID})
	}
	return w.story
}

// reasonOf returns why a worker has not begun a call, without addresses of machines.
func reasonOf(err error) string {
	var refused *RefusedError
	if errors.As(err, &refused) {
		return "the worker refused it: " + refused.Refused
	}
	if GatewayAway(err) {
		return "no gateway to the worker could be asked"
	}
	return "the worker was out of reach"
}

// trace writes a call's line, at level debug. It has ids, times and states; nothing of what the
// caller sent or of what the function returned or printed.
func (d *Dispatcher) trace(
	ctx context.Context, target faas.Target, call faas.Call, way *way, outcome faas.Outcome, err error,
) {
	if !d.cfg.Log.Enabled(ctx, slog.LevelDebug) {
		return
	}
	attrs := []slog.Attr{
		slog.String("execution_id", call.ExecutionID), slog.String("function_id", target.Key.FunctionID),
		slog.Int("version", target.Key.Version), slog.String("project_id", target.ProjectID),
		slog.String("worker_id", way.workerID), slog.Duration("waited", way.waited),
	}
	if err != nil {
		attrs = append(attrs, slog.String("error", err.Error()))
	} else {
		attrs = append(attrs, slog.String("status", string(outcome.Status)), slog.Duration("duration", outcome.Duration))
	}
	d.cfg.Log.LogAttrs(ctx, slog.LevelDebug, "a call of a function has ended", attrs...)
}
