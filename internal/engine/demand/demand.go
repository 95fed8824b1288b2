// Package demand knows how much functions are called, from what callers and workers report, and
// works out how many workers that needs. It starts and ends none.
package demand

import (
	"slices"
	"sync"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// Demand is how much the functions of this engine's shards are called. It is safe for concurrent
// use.
type Demand struct {
	stable time.Duration // the length of the stable window

	mu   sync.Mutex
	keys map[faas.Key]*load
}

// load is the demand for one key.
type load struct {
	callers  map[string]report
	busy     int       // slots in use when the workers were asked last
	series   []moment  // of the stable window, in ascending order
	since    time.Time // since when the key is sampled
	panicked time.Time // when it last needed far more workers than it had
	touched  time.Time // when it was last reported or sampled
	held     int       // workers that it keeps until heldTo, whatever it needs
	heldTo   time.Time
}

// report is what one caller said last.
type report struct {
	at               time.Time
	waiting, running int
}

// reportFresh is how long a caller's report counts: callers that wait ask again within a second.
const reportFresh = 3 * time.Second

// panicPart is how much shorter the panic window is than the stable one.
const panicPart = 10

// New returns a Demand with a stable window of the length.
func New(stable time.Duration) *Demand {
	return &Demand{stable: stable, keys: map[faas.Key]*load{}}
}

// PanicWindow returns the length of the window whose demand is answered at once.
func (d *Demand) PanicWindow() time.Duration { return d.stable / panicPart }

func (d *Demand) load(key faas.Key, now time.Time) *load {
	l := d.keys[key]
	if l == nil {
		l = &load{callers: map[string]report{}, since: now}
		d.keys[key] = l
	}
	l.touched = now
	return l
}

// Report takes in what a caller says as it asks for a worker.
func (d *Demand) Report(r faas.AcquireRequest, now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.load(r.Target.Key, now).callers[r.Caller] = report{at: now, waiting: max(r.Waiting, 1), running: max(r.Running, 0)}
}

// Calls returns how many calls of a key there are now: what callers say waits, and the larger of
// what they and the workers say runs.
func (d *Demand) Calls(key faas.Key, now time.Time) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	l := d.keys[key]
	if l == nil {
		return 0
	}
	return l.calls(now)
}

func (l *load) calls(now time.Time) int {
	waiting, running := 0, 0
	for caller, r := range l.callers {
		if now.Sub(r.at) > reportFresh {
			delete(l.callers, caller)
			continue
		}
		waiting += r.waiting
		running += r.running
	}
	return waiting + max(running, l.busy)
}

// Sample is what a key's workers say of themselves at one moment.
type Sample struct {
	Busy    int // slots in use
	Workers int // that the key has
	Slots   int // of one worker
	Most    int // workers that the key may have
}

// Sampled takes in a sample and returns how many workers the key should have.
func (d *Demand) Sampled(key faas.Key, s Sample, now time.Time) int {
	return max(d.sampled(key, s, now).wanted(), min(d.heldBy(key, now), s.Most))
}

func (d *Demand) sampled(key faas.Key, s Sample, now time.Time) numbers {
	d.mu.Lock()
	defer d.mu.Unlock()
	l := d.load(key, now)
	l.busy = s.Busy
	l.series = append(l.series, moment{at: now, calls: l.calls(now)})
	byTime := func(m moment, t time.Time) int { return m.at.Compare(t) }
	old, _ := slices.BinarySearchFunc(l.series, now.Add(-d.stable), byTime)
	l.series = slices.Delete(l.series, 0, old)
	n := numbers{
		Workers: s.Workers, Slots: s.Slots, Most: s.Most, StableFor: d.stable, Watched: now.Sub(l.since),
		Stable: highest(l.series, d.PanicWindow()), Panic: average(l.series, now.Add(-d.PanicWindow())),
	}
	if n.inPanic() {
		l.panicked = now
	}
	n.Calm = now.Sub(l.panicked)
	return n
}

// Hold has the key keep so many workers until the time, however few it needs by then.
func (d *Demand) Hold(key faas.Key, workers int, now, until time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	l := d.load(key, now)
	l.held, l.heldTo = workers, until
}

// heldBy returns how many workers the key keeps in any case.
func (d *Demand) heldBy(key faas.Key, now time.Time) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	if l := d.keys[key]; l != nil && now.Before(l.heldTo) {
		return l.held
	}
	return 0
}

// Unwatched says that a key has too few workers to be sampled: its stable window begins anew when
// it has more.
func (d *Demand) Unwatched(key faas.Key, now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if l := d.keys[key]; l != nil {
		l.busy, l.series, l.since = 0, nil, now
	}
}

// Tidy forgets the keys that nobody has reported or sampled for a while.
func (d *Demand) Tidy(now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for key, l := range d.keys {
		if now.Sub(l.touched) > max(d.stable, reportFresh) && !now.Before(l.heldTo) {
			delete(d.keys, key)
		}
	}
}
