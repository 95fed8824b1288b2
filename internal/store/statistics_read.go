package store

import (
	"context"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// StatisticsStore reads what calls came to. Every process adds to that what it has recorded.
type StatisticsStore struct{ *core }

// Statistics returns what was called in a range of time: as far as processes have added it up,
// which they do every few seconds.
func (s *StatisticsStore) Statistics(ctx context.Context, q faas.StatisticsQuery) (faas.Statistics, error) {
	rows, err := s.lists.QueryContext(ctx,
		`SELECT at, duration_class, calls, failed, errors, cancelled, cold, kb_ms FROM statistics
			WHERE project_id = ? AND function_id = ? AND step = ? AND at >= ? AND at < ? ORDER BY at, duration_class`,
		q.ProjectID, q.FunctionID, int64(q.Step.Seconds()), micros(q.From), micros(q.To))
	if err != nil {
		return faas.Statistics{}, unavailable(err)
	}
	all, err := scanAll(rows, func(row scanner) (r statisticsRow, err error) {
		return r, row.Scan(&r.at, &r.class, &r.calls, &r.failed, &r.errors, &r.cancelled, &r.cold, &r.kbMs)
	})
	if err != nil {
		return faas.Statistics{}, err
	}
	return statisticsOf(all), nil
}

// statisticsOf makes points of rows that are in the order of their times.
func statisticsOf(rows []statisticsRow) faas.Statistics {
	result := faas.Statistics{Points: []faas.StatisticsPoint{}}
	var total, point classes
	for i, r := range rows {
		total.add(r)
		point.add(r)
		if i+1 == len(rows) || rows[i+1].at != r.at {
			result.Points = append(result.Points, point.point(moment(r.at)))
			point = classes{}
		}
	}
	result.Total = total.point(time.Time{})
	return result
}

// classes are sums, and how many calls ran of each class of durations.
type classes struct {
	statisticsSums
	ran [lastClass + 1]int64
}

func (c *classes) add(r statisticsRow) {
	c.statisticsSums = c.plus(r.statisticsSums)
	if r.class >= 0 && r.class <= lastClass {
		c.ran[r.class] += max(0, r.calls-r.errors) // of errors nobody knows whether they ran, and how long
	}
}

func (c *classes) point(at time.Time) faas.StatisticsPoint {
	return faas.StatisticsPoint{
		At: at, Calls: c.calls, Succeeded: max(0, c.calls-c.failed-c.errors-c.cancelled), Failed: c.failed,
		Errors: c.errors, Cancelled: c.cancelled, Cold: c.cold, P50: c.quantile(0.5), P95: c.quantile(0.95),
		GBSeconds: float64(c.kbMs) / 1000 / (1 << 20),
	}
}

// quantile returns the duration below which the share of all calls stayed, as if those of a class
// were spread evenly over it; 0 when none ran.
func (c *classes) quantile(share float64) time.Duration {
	all := int64(0)
	for _, n := range c.ran {
		all += n
	}
	rank := share * float64(all)
	for class, n := range c.ran {
		if n == 0 || rank > float64(n) {
			rank -= float64(n)
			continue
		}
		begin := time.Duration(0)
		if class > 0 {
			begin = classEnd(class - 1)
		}
		return begin + time.Duration(rank/float64(n)*float64(classEnd(class)-begin))
	}
	return 0
}

// PurgeStatistics deletes rows of a step from before the time, limit at most, and returns how many.
func (s *StatisticsStore) PurgeStatistics(
	ctx context.Context, step time.Duration, before time.Time, limit int,
) (int, error) {
	rows, err := s.scans.QueryContext(ctx,
		`SELECT project_id, function_id, at, duration_class FROM statistics WHERE step = ? AND at < ?
			ORDER BY at LIMIT ?`, int64(step.Seconds()), micros(before), limit)
	if err != nil {
		return 0, unavailable(err)
	}
	old, err := scanAll(rows, func(row scanner) (k statisticsKey, err error) {
		return k, row.Scan(&k.project, &k.function, &k.at, &k.class)
	})
	if err != nil || len(old) == 0 {
		return 0, err
	}
	err = s.chores.do(ctx, func(t *tx) error {
		for _, k := range old {
			_, err := t.exec(`DELETE FROM statistics WHERE project_id = ? AND function_id = ? AND step = ? AND at = ?
				AND duration_class = ?`, k.project, k.function, int64(step.Seconds()), k.at, int64(k.class))
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return len(old), nil
}
