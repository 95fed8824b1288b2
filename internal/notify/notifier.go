package notify

import (
	"cmp"
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/openstack-faas/faas/internal/faas"
)

// Carrier delivers messages, all of them or with an error; they then come again.
type Carrier func(ctx context.Context, messages []Message) error

// Config is what a Notifier needs. Publisher and Carry are required.
type Config struct {
	Publisher string // publisher_id: service.host
	Carry     Carrier
	Size      int              // events that wait at most; 10,000 when 0
	Pause     time.Duration    // after a delivery that failed, at first; a second when 0
	Flush     time.Duration    // how long Close goes on delivering what waits; 5 s when 0
	Log       *slog.Logger     // nil: slog.Default()
	Now       func() time.Time // nil: time.Now
}

// The bounds of what is done at a time.
const (
	defaultSize   = 10_000
	batchSize     = 100
	maxPause      = 30 * time.Second
	carryPatience = 30 * time.Second
)

// Notifier takes events and has them delivered in the background. It is safe for concurrent use; all methods of a nil Notifier do nothing.
type Notifier struct {
	cfg     Config
	events  chan *event
	closing chan struct{}
	once    sync.Once
	ended   chan struct{}
	dropped atomic.Int64 // since the log was told
	counts  *prometheus.CounterVec
}

// New makes a notifier, which delivers until Close.
func New(cfg Config) *Notifier {
	cfg.Size = cmp.Or(cfg.Size, defaultSize)
	cfg.Pause = cmp.Or(cfg.Pause, time.Second)
	cfg.Flush = cmp.Or(cfg.Flush, 5*time.Second)
	cfg.Log = cmp.Or(cfg.Log, slog.Default())
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	n := &Notifier{
		cfg: cfg, events: make(chan *event, cfg.Size), closing: make(chan struct{}), ended: make(chan struct{}),
		counts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "faas_notifications_total", Help: "Notifications by what became of them: sent, or dropped for want of room.",
		}, []string{"result"}),
	}
	go n.run()
	return n
}

// Register has the registry count what is sent and dropped.
func (n *Notifier) Register(registry prometheus.Registerer) {
	if n != nil {
		registry.MustRegister(n.counts)
	}
}

// Function tells that the user has made, changed or deleted a function.
func (n *Notifier) Function(kind, userID, requestID string, f faas.Function) {
	if n == nil {
		return
	}
	n.tell(&event{kind: kind, userID: userID, requestID: requestID, function: f})
}

// Started tells that an execution begins.
func (n *Notifier) Started(f faas.Function, x faas.Execution) {
	if n == nil {
		return
	}
	n.tell(executed(ExecutionStart, f, x, 0))
}

// Ended tells that an execution ended, by its status, and how long it ran. Of an execution whose function is gone, f is the zero Function.
func (n *Notifier) Ended(f faas.Function, x faas.Execution, took time.Duration) {
	if n == nil {
		return
	}
	kind := ExecutionEnd
	if x.Status == faas.ExecutionError {
		kind = ExecutionError
	}
	n.tell(executed(kind, f, x, took))
}

// executed leaves out of an execution what may be large.
func executed(kind string, f faas.Function, x faas.Execution, took time.Duration) *event {
	x.Input, x.Result, x.Log, x.Description = "", "", "", ""
	return &event{kind: kind, userID: x.UserID, requestID: x.RequestID, function: f, execution: &x, took: took}
}

// tell never waits.
func (n *Notifier) tell(e *event) {
	e.at = n.cfg.Now()
	select {
	case n.events <- e:
	default:
		n.dropped.Add(1)
		n.counts.WithLabelValues("dropped").Inc()
	}
}

// Close delivers what waits, for as long as the configuration says, and ends. What is told after it is lost.
func (n *Notifier) Close() {
	if n == nil {
		return
	}
	n.once.Do(func() { close(n.closing) })
	<-n.ended
}

// run delivers until Close, and then for a little longer.
func (n *Notifier) run() {
	defer close(n.ended)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		select {
		case <-n.closing:
		case <-ctx.Done():
			return
		}
		timer := time.NewTimer(n.cfg.Flush)
		defer timer.Stop()
		select {
		case <-timer.C:
			cancel()
		case <-ctx.Done():
		}
	}()
	for {
		batch := n.next()
		if len(batch) == 0 {
			return
		}
		if !n.deliver(ctx, batch) {
			n.counts.WithLabelValues("dropped").Add(float64(len(batch) + len(n.events)))
			n.cfg.Log.Warn("notifications were not delivered before the end", "lost", len(batch)+len(n.events))
			return
		}
	}
}

// next waits for events and takes those that are there, up to a batch; none at the end.
func (n *Notifier) next() []Message {
	var first *event
	select {
	case first = <-n.events:
	case <-n.closing:
		select {
		case first = <-n.events:
		default:
			return nil
		}
	}
	batch := n.encoded(nil, first)
	for len(batch) < batchSize {
		select {
		case e := <-n.events:
			batch = n.encoded(batch, e)
		default:
			return batch
		}
	}
	return batch
}

func (n *Notifier) encoded(batch []Message, e *event) []Message {
	m, err := e.encode(n.cfg.Publisher)
	if err != nil { // of strings and numbers: a mistake of ours
		n.cfg.Log.Error("a notification cannot be encoded", "event_type", e.kind, "error", err)
		return batch
	}
	return append(batch, m)
}

// deliver tries until it succeeds or ctx ends. It tells the log of the first failure and of the end of trouble.
func (n *Notifier) deliver(ctx context.Context, batch []Message) bool {
	pause := n.cfg.Pause
	for failed := false; ; failed = true {
		once, cancel := context.WithTimeout(ctx, carryPatience)
		err := n.cfg.Carry(once, batch)
		cancel()
		if err == nil {
			n.counts.WithLabelValues("sent").Add(float64(len(batch)))
			n.report(failed)
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		if !failed {
			n.cfg.Log.Warn("notifications cannot be delivered; they wait", "error", err)
		}
		timer := time.NewTimer(pause/2 + rand.N(pause))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return false
		}
		pause = min(2*pause, maxPause)
	}
}

// report tells the log what the trouble that is over has cost.
func (n *Notifier) report(recovered bool) {
	lost := n.dropped.Swap(0)
	switch {
	case lost > 0:
		n.cfg.Log.Warn("notifications were dropped: there was no room for more that wait", "dropped", lost)
	case recovered:
		n.cfg.Log.Info("notifications are delivered again")
	}
}
