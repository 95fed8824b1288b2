package quota

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// A report of a process holds for a while and is repeated before it expires. So processes that
// start or die, and shards that change owners, need no handling of their own.
const (
	// sharePause is the time between two reports.
	sharePause = time.Second
	// repeatAfter is when a number that has not changed is reported again.
	repeatAfter = 3 * time.Second
	// shareFresh is how long a report holds: two repetitions may be lost.
	shareFresh = 7 * time.Second
	// returnsWithin is the longest time until a reported number is in the sums that this process
	// receives.
	returnsWithin = 4 * time.Second
)

// report is what a process has reported of a project.
type report struct {
	running, memory int64
	at              time.Time
}

// sum is what all processes together have of a project, as the owner of its shard has added up.
type sum struct {
	running, memory int64
	at              time.Time
}

// elsewhere returns how many executions of a project run in other processes: the sum without this
// process's part. It is not known which of this process's latest reports is in the sum. The largest
// is subtracted: the result may be too small for a moment, but no call is refused because of
// executions of this process that have ended.
func (c *Calls) elsewhere(projectID string, now time.Time) int64 {
	s := c.fresh(projectID, now)
	if m := c.own[projectID]; m != nil {
		return max(0, s.running-m.largestReported(now).running)
	}
	return s.running
}

func (c *Calls) memoryElsewhere(projectID string, now time.Time) int64 {
	s := c.fresh(projectID, now)
	if m := c.own[projectID]; m != nil {
		return max(0, s.memory-m.largestReported(now).memory)
	}
	return s.memory
}

func (c *Calls) fresh(projectID string, now time.Time) sum {
	s := c.sums[projectID]
	if now.Sub(s.at) > shareFresh {
		return sum{}
	}
	return s
}

// largestReported returns the largest numbers that may be in a sum.
func (m *meter) largestReported(now time.Time) (largest report) {
	for i, t := range m.reports {
		if i == len(m.reports)-1 || now.Sub(t.at) <= returnsWithin {
			largest.running, largest.memory = max(largest.running, t.running), max(largest.memory, t.memory)
		}
	}
	return largest
}

// report keeps the numbers as reported and returns true when they must be sent: they are new, or
// were last sent long ago.
func (m *meter) report(running, memory int64, now time.Time) bool {
	var last report
	if n := len(m.reports); n > 0 {
		last = m.reports[n-1]
	}
	same := last.running == running && last.memory == memory
	nothing := running == 0 && memory == 0
	if m.unreported == 0 && same && (nothing || now.Sub(last.at) < repeatAfter) {
		return false
	}
	m.reports = append(m.reports, report{running, memory, now})
	for len(m.reports) > 2 && now.Sub(m.reports[0].at) > returnsWithin {
		m.reports = m.reports[1:]
	}
	return true
}

// HearSums takes the sums that the owner of shards has sent. Those of other projects stay.
func (c *Calls) HearSums(body []byte) {
	var news faas.CallsSummed
	if json.Unmarshal(body, &news) != nil {
		return
	}
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	for project, n := range news.Projects {
		c.sums[project] = sum{n.Running, n.Memory, now}
		if n.Asked > 0 {
			c.heardAsked(project, n.Asked, now)
		}
	}
}

// heardAsked adds what other processes were asked for. The sum includes what this process has
// reported, which is already in its own count, so that is subtracted.
func (c *Calls) heardAsked(project string, asked int64, now time.Time) {
	m := c.meter(project)
	if now.Sub(m.reportedAskedAt) > returnsWithin {
		m.reportedAsked = 0 // the report was lost
	}
	own := min(asked, m.reportedAsked)
	m.reportedAsked -= own
	if asked > own {
		m.asked.add(now, asked-own)
	}
}

// Share sends the owners of the projects' shards what this process counts, once a second until ctx
// ends. When that fails, each process goes on with its own counts.
func (c *Calls) Share(
	ctx context.Context, self string, broadcast func(ctx context.Context, shard int, body []byte) error,
	log *slog.Logger,
) {
	failing := false
	repeat(ctx, func(ctx context.Context) {
		var failed error
		for shard, body := range c.news(self) {
			if err := broadcast(ctx, shard, body); err != nil {
				failed = err
			}
		}
		if failed != nil && !failing && ctx.Err() == nil {
			log.Warn(
				"counts of executions cannot be sent to the owners of shards; until they can, quotas hold for each process by "+
					"itself",
				"error", failed,
			)
		}
		failing = failed != nil
	})
}

// repeat calls do every sharePause until ctx ends. Each call has sharePause as its timeout.
func repeat(ctx context.Context, do func(ctx context.Context)) {
	tick := time.NewTicker(sharePause)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		within, cancel := context.WithTimeout(ctx, sharePause)
		do(within)
		cancel()
	}
}

// news returns the reports to send, by shard: of the projects whose numbers have changed, or were
// last sent long ago. It drops projects that do nothing any more.
func (c *Calls) news(self string) map[int][]byte {
	now, memory := c.now(), c.countMemory()
	c.mu.Lock()
	defer c.mu.Unlock()
	for project := range memory {
		c.meter(project)
	}
	news := map[int]faas.CallsCounted{}
	for project, m := range c.own {
		m.asked.advance(now)
		if m.report(m.running, memory[project], now) {
			shard := c.shards.Of(project)
			if news[shard].Projects == nil {
				news[shard] = faas.CallsCounted{Process: self, Projects: map[string]faas.CallCount{}}
			}
			news[shard].Projects[project] = faas.CallCount{Running: m.running, Asked: m.unreported, Memory: memory[project]}
			if m.unreported > 0 {
				m.reportedAsked, m.reportedAskedAt, m.unreported = m.reportedAsked+m.unreported, now, 0
			}
		} else if m.idle(now) && memory[project] == 0 {
			delete(c.own, project)
		}
	}
	for project, s := range c.sums {
		if now.Sub(s.at) > shareFresh {
			delete(c.sums, project)
		}
	}
	bodies := make(map[int][]byte, len(news))
	for shard, n := range news {
		bodies[shard], _ = json.Marshal(n) // strings and numbers: cannot fail
	}
	return bodies
}

// idle reports whether the meter can be dropped: nothing runs or counts, and nothing that was
// reported may still come back in a sum.
func (m *meter) idle(now time.Time) bool {
	if m.running > 0 || m.asked.sum > 0 {
		return false
	}
	return len(m.reports) == 0 || now.Sub(m.reports[len(m.reports)-1].at) > returnsWithin
}
