package dispatch

import (
	"context"
	"log/slog"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// way is what is told of a call besides its outcome.
type way struct {
	workerID string        // the last that it was sent to; "" for none
	waited   time.Duration // until there was a slot of that
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
