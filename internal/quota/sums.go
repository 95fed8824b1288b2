package quota

import (
	"context"
	"encoding/json"
	"log/slog"
	"sync"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// learnFor is how long a new owner of a shard listens before it sends sums: by then every process
// has repeated its numbers. The sums of the owner before hold for longer than that.
const learnFor = repeatAfter + sharePause

// Sums adds up the reports of all processes, for the projects in the shards that an engine owns,
// and sends the sums that have changed to all processes. So each number crosses the broker once to
// its owner, and each sum once to each process, instead of each number of each process to each
// other. It is safe for concurrent use.
type Sums struct {
	now func() time.Time

	mu     sync.Mutex
	shards map[int]*shardSums
}

// shardSums are the projects of one shard.
type shardSums struct {
	since    time.Time // when it became this engine's
	projects map[string]*projectSum
}

// projectSum is one project's numbers.
type projectSum struct {
	of          map[string]report // by process
	asked       int64             // since the sum was last sent
	reported    report            // the sum that was last sent
	wasReported bool              // false until the first is sent
}

// NewSums makes a Sums of no shard. now is time.Now when nil.
func NewSums(now func() time.Time) *Sums {
	if now == nil {
		now = time.Now
	}
	return &Sums{now: now, shards: map[int]*shardSums{}}
}

// Own begins to add up a shard of which this engine has become the owner.
func (s *Sums) Own(shard int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shards[shard] = &shardSums{since: s.now(), projects: map[string]*projectSum{}}
}

// Drop forgets a shard that this engine no longer owns.
func (s *Sums) Drop(shard int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.shards, shard)
}

// Hear takes a report of a process about a shard's projects.
func (s *Sums) Hear(shard int, body []byte) {
	var news faas.CallsCounted
	if json.Unmarshal(body, &news) != nil {
		return
	}
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	of := s.shards[shard]
	if of == nil {
		return
	}
	for project, n := range news.Projects {
		p := of.projects[project]
		if p == nil {
			p = &projectSum{of: map[string]report{}}
			of.projects[project] = p
		}
		p.of[news.Process] = report{n.Running, n.Memory, now}
		p.asked += n.Asked
	}
}

// Share sends all processes the sums, once a second until ctx ends.
func (s *Sums) Share(ctx context.Context, broadcast func(ctx context.Context, body []byte) error, log *slog.Logger) {
	failing := false
	repeat(ctx, func(ctx context.Context) {
		news := s.news()
		if news == nil {
			return
		}
		err := broadcast(ctx, news)
		if err != nil && !failing && ctx.Err() == nil {
			log.Warn(
				"sums of executions cannot be sent to other processes; until they can, quotas hold for each process by itself",
				"error", err,
			)
		}
		failing = err != nil
	})
}

// news returns the sums that have changed, or were last sent long ago; nil when there are none.
func (s *Sums) news() []byte {
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	news := faas.CallsSummed{Projects: map[string]faas.CallCount{}}
	for _, of := range s.shards {
		if now.Sub(of.since) < learnFor {
			continue
		}
		for project, p := range of.projects {
			if p.report(now) {
				news.Projects[project] = faas.CallCount{Running: p.reported.running, Memory: p.reported.memory, Asked: p.asked}
				p.asked = 0
			}
			if len(p.of) == 0 {
				delete(of.projects, project)
			}
		}
	}
	if len(news.Projects) == 0 {
		return nil
	}
	body, _ := json.Marshal(news) // strings and numbers: cannot fail
	return body
}

// report adds up, keeps the sum as reported, and returns true when it must be sent.
func (p *projectSum) report(now time.Time) bool {
	all := report{at: now}
	for process, t := range p.of {
		if now.Sub(t.at) > shareFresh || t.running == 0 && t.memory == 0 {
			delete(p.of, process) // it has nothing, or has ended
			continue
		}
		all.running, all.memory = all.running+t.running, all.memory+t.memory
	}
	same := p.wasReported && p.reported.running == all.running && p.reported.memory == all.memory
	nothing := all.running == 0 && all.memory == 0
	if p.asked == 0 && (same || !p.wasReported && nothing) && (nothing || now.Sub(p.reported.at) < repeatAfter) {
		return false
	}
	p.reported, p.wasReported = all, true
	return true
}
