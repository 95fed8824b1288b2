package quota

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

const (
	// sharePause is the time between two words to the other processes.
	sharePause = time.Second
	// shareFresh is how long the word of another process holds.
	shareFresh = 3500 * time.Millisecond
)

// peer is what another process told last.
type peer struct {
	at      time.Time
	running map[string]int64 // by project
	memory  map[string]int64 // of workers that it counts, in bytes, by project
}

// elsewhere is how many executions of a project run in other processes.
func (c *Calls) elsewhere(projectID string, now time.Time) (n int64) {
	for _, p := range c.peers {
		if now.Sub(p.at) <= shareFresh {
			n += p.running[projectID]
		}
	}
	return n
}

// Hear takes in what another process, or this one, has broadcast.
func (c *Calls) Hear(self string, body []byte) {
	var news faas.CallsCounted
	if json.Unmarshal(body, &news) != nil || news.Process == self {
		return
	}
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	p := &peer{at: now, running: map[string]int64{}, memory: map[string]int64{}}
	for project, n := range news.Projects {
		if n.Running > 0 {
			p.running[project] = n.Running
		}
		if n.Memory > 0 {
			p.memory[project] = n.Memory
		}
		if n.Asked > 0 {
			c.meter(project).asked.add(now, n.Asked)
		}
	}
	c.peers[news.Process] = p
}

// Share tells the other processes once a second, until ctx ends, what this one counts. Where that fails each process goes on by itself.
func (c *Calls) Share(ctx context.Context, self string, broadcast func(ctx context.Context, body []byte) error, log *slog.Logger) {
	tick := time.NewTicker(sharePause)
	defer tick.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		news := c.news(self)
		if news == nil {
			continue
		}
		sending, cancel := context.WithTimeout(ctx, sharePause)
		err := broadcast(sending, news)
		cancel()
		if err != nil && !failing && ctx.Err() == nil {
			log.Warn("other processes cannot be told of running executions; quotas hold for each by itself", "error", err)
		}
		failing = err != nil
	}
}

// news gives what there is to tell, nil when that is nothing and was nothing before. Projects that do nothing any more are forgotten.
func (c *Calls) news(self string) []byte {
	now, memory := c.now(), c.countMemory()
	c.mu.Lock()
	defer c.mu.Unlock()
	news := faas.CallsCounted{Process: self, Projects: map[string]faas.CallCount{}}
	for project, m := range c.own {
		m.asked.advance(now)
		if m.running > 0 || m.untold > 0 {
			news.Projects[project] = faas.CallCount{Running: m.running, Asked: m.untold}
			m.untold = 0
		} else if m.asked.sum == 0 {
			delete(c.own, project)
		}
	}
	for project, bytes := range memory {
		n := news.Projects[project]
		n.Memory = bytes
		news.Projects[project] = n
	}
	for process, p := range c.peers {
		if now.Sub(p.at) > shareFresh {
			delete(c.peers, process)
		}
	}
	if len(news.Projects) == 0 && !c.told {
		return nil
	}
	c.told = len(news.Projects) > 0
	body, _ := json.Marshal(news) // strings and numbers: cannot fail
	return body
}
