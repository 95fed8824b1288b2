package trigger

import (
	"sync"
	"time"

	"github.com/openstack-faas/faas/pkg/lru"
)

// How many events that can be no execution are kept of a trigger by a process: so many at once, and
// so many a second after that.
const (
	lettersAtOnce   = 100
	lettersASecond  = 10
	maxPacedTrigger = 10_000 // whose pace is remembered, some hundred bytes each
)

// pace bounds how often something is done for each trigger. It is safe for concurrent use.
type pace struct {
	mu    sync.Mutex
	known *lru.Cache[string, paced]
}

// paced is how often it may be done at once at a time.
type paced struct {
	left float64
	at   time.Time
}

func newPace() *pace { return &pace{known: lru.New[string, paced](maxPacedTrigger)} }

// ask returns 0 when it may be done now, and else after which time.
func (p *pace) ask(triggerID string, now time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	of, ok := p.known.Get(triggerID)
	if !ok {
		of = paced{lettersAtOnce, now}
	}
	if since := now.Sub(of.at).Seconds(); since > 0 {
		of = paced{min(lettersAtOnce, of.left+since*lettersASecond), now}
	}
	if of.left < 1 {
		return time.Second
	}
	of.left--
	p.known.Put(triggerID, of)
	return 0
}
