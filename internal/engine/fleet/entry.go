package fleet

import (
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// entry is all that is known of one worker.
type entry struct {
	id          string
	shown       *faas.Worker // as the orchestrator shows it; nil: not yet
	coming      *faas.Worker // a server that this engine starts; nil: none
	reservation *reservation // nil: this engine has not taken it
	drained     bool         // it takes no more calls and is about to be gone
	lostUntil   time.Time    // until then another engine may have claimed it
	since       time.Time    // since when it starts; zero when it was not seen to, or is ready

	listed bool        // it stands in the index
	as     faas.Worker // how it does
	bytes  int64       // that it counts in its project's memory
}

// effective returns the worker as it counts; ok is false when it is of no use.
func (e *entry) effective(now time.Time) (w faas.Worker, ok bool) {
	switch {
	case e.drained:
		return w, false
	case e.shown == nil:
		return *e.coming, true
	}
	w = *e.shown
	switch {
	case !w.Generic():
	case e.reservation != nil:
		w.Key, w.ProjectID, w.Ready = e.reservation.key, e.reservation.projectID, e.reservation.ready
	case now.Before(e.lostUntil):
		w.Ready = false
	}
	return w, true
}
