package upkeep

import (
	"context"
	"time"

	"github.com/openstack-faas/faas/internal/duework"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

// What projects and functions keep less of than [engine] execution_retention is looked for in rounds:
// first through the projects that have records, then through the functions. A step of a round looks
// at so many of them or deletes so many records, whichever comes first. Where a step ended is known
// to this process alone: another engine begins anew.

const (
	// roundPage is how many projects or functions one step looks at.
	roundPage = 1000
	// roundPause is the least pause between two rounds.
	roundPause = 10 * time.Minute
	// roundShare is how many times a pause is as long as its round: what nobody waits for is to take a
	// twentieth of the database's time at most.
	roundShare = 20
)

// round is how far a round is.
type round struct {
	begun     time.Time // zero: it has not begun
	functions bool      // the projects are done
	after     string    // the last project or function that is done
}

// KeepRecords does a step of a round.
func (u *Upkeeper) KeepRecords(ctx context.Context, _ store.DueItem) (duework.Next, error) {
	u.mu.Lock() // one step at a time
	defer u.mu.Unlock()
	r := &u.round
	if r.begun.IsZero() {
		r.begun = u.cfg.Now()
	}
	step := u.ofProjects
	if r.functions {
		step = u.ofFunctions
	}
	more, err := step(ctx, r)
	switch {
	case err != nil:
		return duework.Done(), err
	case more:
		return duework.Again(0), nil
	case !r.functions:
		r.functions, r.after = true, ""
		return duework.Again(0), nil
	}
	pause := max(roundPause, roundShare*u.cfg.Now().Sub(r.begun))
	*r = round{}
	return duework.Again(pause), nil
}

// ofProjects deletes what projects keep no longer. It reports whether there is more to look at.
func (u *Upkeeper) ofProjects(ctx context.Context, r *round) (bool, error) {
	page, err := u.cfg.Store.ProjectsWithRecords(ctx, r.after, roundPage)
	if err != nil {
		return false, err
	}
	left := purgeBatch
	for _, id := range page {
		before, _, err := u.kept(ctx, faas.Retention{}, id)
		if err != nil {
			return false, err
		}
		if !before.IsZero() {
			n, err := u.cfg.Store.PurgeProject(ctx, id, before, left)
			if err != nil {
				return false, err
			}
			if left -= n; left <= 0 {
				return true, nil
			}
		}
		r.after = id
	}
	return len(page) == roundPage, nil
}

// ofFunctions deletes what functions keep no longer, and what is too much of each. What their
// projects keep no longer is gone.
func (u *Upkeeper) ofFunctions(ctx context.Context, r *round) (bool, error) {
	page, err := u.cfg.Store.RetentionsOf(ctx, r.after, roundPage)
	if err != nil {
		return false, err
	}
	left := purgeBatch
	for _, f := range page {
		before, newest, err := u.kept(ctx, f.Retention, f.ProjectID)
		if err != nil {
			return false, err
		}
		if f.Retention.Days > 0 {
			n, err := u.cfg.Store.PurgeFunction(ctx, f.FunctionID, before, left)
			if err != nil {
				return false, err
			}
			if left -= n; left <= 0 {
				return true, nil
			}
		}
		if newest != faas.Unlimited {
			n, err := u.cfg.Store.PurgeAllBut(ctx, f.FunctionID, newest, left)
			if err != nil {
				return false, err
			}
			if left -= n; left <= 0 {
				return true, nil
			}
		}
		r.after = f.FunctionID
	}
	return len(page) == roundPage, nil
}

// kept returns what is kept of a function with that retention in its project.
func (u *Upkeeper) kept(ctx context.Context, own faas.Retention, projectID string) (time.Time, int64, error) {
	if u.cfg.Quotas == nil {
		before, newest := own.Within(nil, u.cfg.Now())
		return before, newest, nil
	}
	limits, err := u.cfg.Quotas.Limits(ctx, projectID)
	before, newest := own.Within(limits, u.cfg.Now())
	return before, newest, err
}
