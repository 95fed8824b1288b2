package quota

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// What processes say of their counts fades: it holds for a while after it was last said. So nobody
// has to be told who came, who went, or who adds up now.
const (
	// sharePause is the time between two words.
	sharePause = time.Second
	// repeatAfter is when a number is said again that has not changed.
	repeatAfter = 3 * time.Second
	// shareFresh is how long a word holds: two repetitions may be lost.
	shareFresh = 7 * time.Second
	// returnsWithin is how long it takes at most until what was told comes back in a sum.
	returnsWithin = 4 * time.Second
)

// told is what the owner of a project's shard has heard of this process.
type told struct {
	running, memory int64
	at              time.Time
}

// sum is what all processes together have of a project, as the owner of its shard has said.
type sum struct {
	running, memory int64
	at              time.Time
}

// elsewhere returns how many executions of a project run in other processes: the sum without this
// process's part. It is not known which of the numbers that were told lately is in the sum; taking
// the largest has nobody refused for executions of its own that have ended.
func (c *Calls) elsewhere(projectID string, now time.Time) int64 {
	s := c.fresh(projectID, now)
	if m := c.own[projectID]; m != nil {
		return max(0, s.running-m.largestTold(now).running)
	}
	return s.running
}

func (c *Calls) memoryElsewhere(projectID string, now time.Time) int64 {
	s := c.fresh(projectID, now)
	if m := c.own[projectID]; m != nil {
		return max(0, s.memory-m.largestTold(now).memory)
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

// largestTold returns the largest numbers that may be in a sum.
func (m *meter) largestTold(now time.Time) (largest told) {
	for i, t := range m.told {
		if i == len(m.told)-1 || now.Sub(t.at) <= returnsWithin {
			largest.running, largest.memory = max(largest.running, t.running), max(largest.memory, t.memory)
		}
	}
	return largest
}

// tell notes down what is told now, and reports whether it has to be: it is new, or was said long
// ago.
func (m *meter) tell(running, memory int64, now time.Time) bool {
	var last told
	if n := len(m.told); n > 0 {
		last = m.told[n-1]
	}
	same := last.running == running && last.memory == memory
	nothing := running == 0 && memory == 0
	if m.untold == 0 && same && (nothing || now.Sub(last.at) < repeatAfter) {
		return false
	}
	m.told = append(m.told, told{running, memory, now})
	for len(m.told) > 2 && now.Sub(m.told[0].at) > returnsWithin {
		m.told = m.told[1:]
	}
	return true
}

// HearSums takes in what the owner of shards has added up. The sums of other projects stand.
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

// heardAsked adds what was asked of others. What was asked of this process comes back in the sum,
// too.
func (c *Calls) heardAsked(project string, asked int64, now time.Time) {
	m := c.meter(project)
	if now.Sub(m.toldAskedAt) > returnsWithin {
		m.toldAsked = 0 // it was lost on its way
	}
	own := min(asked, m.toldAsked)
	m.toldAsked -= own
	if asked > own {
		m.asked.add(now, asked-own)
	}
}

// Share sends the owners of the projects' shards what this process counts, once a second until ctx
// ends. Where that fails each process goes on by itself.
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
			log.Warn("other processes cannot be told of running executions; quotas hold for each by itself", "error", failed)
		}
		failing = failed != nil
	})
}

// repeat calls do every sharePause, with as much time, until ctx ends.
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

// news returns what there is to tell, by shard: the projects whose numbers have changed, or were
// told long ago. Projects that do nothing any more are forgotten.
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
		if m.tell(m.running, memory[project], now) {
			shard := c.shards.Of(project)
			if news[shard].Projects == nil {
				news[shard] = faas.CallsCounted{Process: self, Projects: map[string]faas.CallCount{}}
			}
			news[shard].Projects[project] = faas.CallCount{Running: m.running, Asked: m.untold, Memory: memory[project]}
			if m.untold > 0 {
				m.toldAsked, m.toldAskedAt, m.untold = m.toldAsked+m.untold, now, 0
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

// idle reports whether there is nothing of a project to remember, nor anything that may still come
// back.
func (m *meter) idle(now time.Time) bool {
	return m.running == 0 && m.asked.sum == 0 && (len(m.told) == 0 || now.Sub(m.told[len(m.told)-1].at) > returnsWithin)
}
