package store

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// OutputLost is the output of an execution whose lease ran out.
const OutputLost = "The process that ran this execution was lost; the function may have run, wholly or in part."

// RenewLeases prolongs the leases that the owner holds on the executions and returns the ids of those that it holds no longer: they ended,
// were settled or are gone.
func (s *Store) RenewLeases(ctx context.Context, owner string, ids []string, until time.Time) ([]string, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	var lost []string
	err := s.recorder.doWithStarts(ctx, func(t *tx) error {
		lost = nil
		for _, id := range ids {
			n, err := t.exec(`UPDATE executions SET lease_until = ? WHERE id = ? AND owner = ? AND status = 'running'`,
				micros(until), id, owner)
			if err != nil {
				return err
			}
			if n == 0 {
				lost = append(lost, id)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return lost, nil
}

// SettleExpired ends running executions whose lease ran out before now, limit at most, with the status error and OutputLost, and gives
// them as settled. Their duration is the time from their start to the end of their lease.
func (s *Store) SettleExpired(ctx context.Context, now time.Time, limit int) ([]faas.Execution, error) {
	var settled []faas.Execution
	err := s.recorder.doWithStarts(ctx, func(t *tx) error {
		expired, err := t.expired(now, limit)
		if err != nil {
			return err
		}
		settled = nil
		for _, e := range expired {
			ending := Ending{Status: faas.ExecutionError, Result: lostResult(e), EndedAt: moment(micros(now))}
			n, err := t.end(` AND lease_until < ?`, e.ID, ending, micros(now))
			if err != nil {
				return err
			}
			if n > 0 { // or it ended, or another process settled it or renewed its lease, since it was found
				settled = append(settled, ending.applied(e))
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return settled, nil
}

func (t *tx) expired(now time.Time, limit int) ([]faas.Execution, error) {
	rows, err := t.query(`SELECT `+executions.selected+` FROM executions
		WHERE ended_at = 0 AND status = 'running' AND lease_until < ? ORDER BY created_at LIMIT ?`, micros(now), limit)
	if err != nil {
		return nil, err
	}
	return scanAll(rows, executions.scan)
}

func lostResult(e faas.Execution) string {
	seconds := max(0, e.LeaseUntil.Sub(e.StartedAt).Seconds())
	output, _ := json.Marshal(OutputLost) // a string always marshals
	return fmt.Sprintf(`{"duration": %g, "output": %s}`, math.Round(seconds*1000)/1000, output)
}
