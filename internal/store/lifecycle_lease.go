package store

import (
	"context"
	"errors"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// OutputLost is the output of an execution whose lease ran out.
const OutputLost = "The process that ran this execution was lost; the function may have run, wholly or in part."

// RenewLeases has the leases that the owner holds on the executions last for that long from now on
// and returns the ids of those that it holds no longer: they ended, were settled or are gone.
func (s *ExecutionLifecycle) RenewLeases(ctx context.Context, owner string, ids []string, lease time.Duration) ([]string, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	renewals := make([]*operation, 0, len(ids))
	for _, id := range ids {
		renewals = append(renewals, &operation{execution: id, change: change{
			`UPDATE executions SET lease_until = ` + s.dialect.grammar().now + ` + ? WHERE id = ? AND owner = ? AND status = 'running'`,
			[]any{lease.Microseconds(), id, owner},
		}})
	}
	if err := s.calls.awaitAll(ctx, renewals); err != nil {
		return nil, err
	}
	var lost []string
	for _, r := range renewals {
		if r.changed == 0 {
			lost = append(lost, r.execution)
		}
	}
	return lost, nil
}

// SettleExpired ends running executions whose lease is over, limit at most, with the status error,
// OutputLost and the log so far, if that was kept, and returns them as settled. Nobody knows for how
// long they ran: their duration is null, a member that clients read without looking whether it is
// there. events returns what others are to be told of one, with its function as it is now, or its
// zero value when that is gone; nil: they are told nothing.
func (s *ExecutionLifecycle) SettleExpired(
	ctx context.Context, limit int, events func(faas.Function, faas.Execution) []Event,
) ([]faas.Execution, error) {
	if err := s.calls.writeStarts(ctx); err != nil {
		return nil, err
	}
	var settled []faas.Execution
	var grown []Ending
	err := s.chores.do(ctx, func(t *tx) error {
		expired, err := t.executions.expired(limit)
		if err != nil {
			return err
		}
		settled, grown = nil, nil
		for _, e := range expired {
			log, err := t.logs.get(e.ID)
			if err != nil {
				return err
			}
			ending := Ending{Status: faas.ExecutionError, Result: lostResult, Log: log, EndedAt: s.timestamp(),
				ProjectID: e.ProjectID, Sample: Sample{FunctionID: e.FunctionID}}
			end, apart := ending.change(e.ID, t.form)
			n, err := t.exec(end.query+` AND lease_until < `+t.grammar.now, end.args...)
			if err != nil {
				return err
			}
			if n == 0 { // it ended, or another process settled it or renewed its lease, since it was found
				continue
			}
			if err := errors.Join(t.executions.addContents(apart), t.logs.drop(e.ID)); err != nil {
				return err
			}
			settled, grown = append(settled, ending.applied(e)), append(grown, ending)
			lost := faas.StoryEvent{Kind: faas.StoryLost, At: ending.EndedAt, Detail: "its lease was not renewed"}
			if err := t.stories.tell(e.ID, e.Story(e.Owner, lost)...); err != nil {
				return err
			}
			if e.FollowUp {
				if _, err := t.change(dueNow(t.grammar, FollowUp, e.ID)); err != nil {
					return err
				}
			}
			if events == nil {
				continue
			}
			if err := t.outbox.addOf(ending.applied(e), events); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, e := range grown {
		s.usage.add(e.ProjectID, recordCounts{bytes: e.bytes()})
		s.statistics.ended(e.ProjectID, &e)
	}
	return settled, nil
}

func (t executionRows) expired(limit int) ([]faas.Execution, error) {
	rows, err := t.query(`SELECT `+executions.selected+` FROM executions
		WHERE ended_at = 0 AND status = 'running' AND lease_until < `+t.grammar.now+` ORDER BY created_at LIMIT ?`, limit)
	if err != nil {
		return nil, err
	}
	return scanAll(rows, executions.scan)
}

// lostResult is the result of an execution whose lease ran out.
const lostResult = `{"duration":null,"output":"` + OutputLost + `"}`
