package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

const (
	sweepPause   = 5 * time.Millisecond
	sweepTimeout = 10 * time.Second
	agentGrace   = 2 * time.Second // for an agent to end its worker and itself
)

// sweeper ends what an earlier process has left.
type sweeper struct{ *host }

// sweep ends what an earlier process that was killed has left: agents that have not ended yet,
// their workers' processes, control groups and folders. It returns when none of those processes is
// left, so that user ids can be used again.
func (s *sweeper) sweep(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, sweepTimeout)
	defer cancel()
	records, err := s.state.records()
	if err != nil {
		return fmt.Errorf("look for workers of an earlier process: %w", err)
	}
	for _, r := range records {
		if err := s.sweepWorker(ctx, r); err != nil {
			return fmt.Errorf("end worker %s of an earlier process: %w", r.ID, err)
		}
	}
	if err := s.limits.sweep(ctx); err != nil {
		return fmt.Errorf("end control groups of an earlier process: %w", err)
	}
	old, err := s.state.oldRunDir()
	if err != nil || old == "" {
		return err
	}
	if err := removeTree(old); err != nil {
		return fmt.Errorf("remove folders of an earlier process: %w", err)
	}
	if len(records) > 0 {
		s.log.Info("ended what an earlier process left behind", "workers", len(records))
	}
	return nil
}

// sweepWorker ends an agent and then what it had started. The agent's pipe has broken, so it is
// ending already, and it cleans up better than can be done from outside; only an agent that hangs
// is killed.
func (s *sweeper) sweepWorker(ctx context.Context, r record) error {
	ended := func() bool { return !runs(r.PID, r.Started) }
	grace, cancel := context.WithTimeout(ctx, agentGrace)
	defer cancel()
	if until(grace, ended) != nil {
		if err := killExactly(r.PID, r.Started); err != nil {
			return err
		}
		if err := until(ctx, ended); err != nil {
			return err
		}
	}
	if err := killLeft(ctx, r.UID, r.ID); err != nil {
		return err
	}
	s.state.drop(r.ID)
	return nil
}

// killLeft kills the processes of a worker whose agent is gone: all of its own user or, if it had
// none, those of the service's user whose environment names the worker's folder. It returns when
// none is left.
func killLeft(ctx context.Context, uid int, workerID string) error {
	left := func(pid int) bool { return ofUser(pid, uid) }
	if uid == 0 {
		left = func(pid int) bool { return pid != os.Getpid() && ofUser(pid, os.Geteuid()) && names(pid, workerID) }
	}
	var failed error
	err := until(ctx, func() bool {
		var all []int
		if all, failed = pids(); failed != nil {
			return true
		}
		found := false
		for _, pid := range all {
			if started, err := startTime(pid); err == nil && left(pid) {
				found = true
				failed = errors.Join(failed, killExactly(pid, started))
			}
		}
		return !found || failed != nil
	})
	return errors.Join(err, failed)
}

// until polls until done holds or ctx ends: there is no signal for the end of another parent's
// processes.
func until(ctx context.Context, done func() bool) error {
	for !done() {
		select {
		case <-time.After(sweepPause):
		case <-ctx.Done():
			return fmt.Errorf("it is still there: %w", ctx.Err())
		}
	}
	return nil
}
