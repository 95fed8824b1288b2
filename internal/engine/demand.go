package engine

import (
	"slices"
	"sync"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// demand is how much the functions of this engine's shards are called, as the callers tell and the workers do.
type demand struct {
	stable time.Duration // the length of the stable window

	mu   sync.Mutex
	keys map[faas.Key]*load
}

// load is the demand for one key.
type load struct {
	callers map[string]report
	busy    int // slots in use when the workers were asked last
	series  []moment
	seen    time.Time // since when it is watched
	panic   time.Time // when it was last in panic
	touched time.Time
}

// report is what one caller said last.
type report struct {
	at               time.Time
	waiting, running int
}

// reportFresh is how long a caller's words count: callers that wait ask again within a second.
const reportFresh = 3 * time.Second

// panicPart is how much shorter the panic window is than the stable one.
const panicPart = 10

func newDemand(stable time.Duration) *demand {
	return &demand{stable: stable, keys: map[faas.Key]*load{}}
}

func (d *demand) short() time.Duration { return d.stable / panicPart }

func (d *demand) load(key faas.Key, now time.Time) *load {
	l := d.keys[key]
	if l == nil {
		l = &load{callers: map[string]report{}, seen: now}
		d.keys[key] = l
	}
	l.touched = now
	return l
}

// reported takes in what a caller says as it asks for a worker.
func (d *demand) reported(r faas.AcquireRequest, now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.load(r.Target.Key, now).callers[r.Caller] = report{at: now, waiting: max(r.Waiting, 1), running: max(r.Running, 0)}
}

// calls is how many calls there are now: what the callers say runs and waits, or what the workers say runs if that is more.
func (d *demand) calls(key faas.Key, now time.Time) int {
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

// sampled takes in how many slots the workers of a key use, and gives the numbers that say how many workers it should have.
func (d *demand) sampled(key faas.Key, busy, workers, slots, most int, now time.Time) demandNumbers {
	d.mu.Lock()
	defer d.mu.Unlock()
	l := d.load(key, now)
	l.busy = busy
	l.series = append(l.series, moment{at: now, calls: l.calls(now)})
	old, _ := slices.BinarySearchFunc(l.series, now.Add(-d.stable), func(m moment, t time.Time) int { return m.at.Compare(t) })
	l.series = slices.Delete(l.series, 0, old)
	n := demandNumbers{
		Workers: workers, Slots: slots, Most: most, StableFor: d.stable, Seen: now.Sub(l.seen),
		Stable: highest(l.series, d.short()), Panic: average(l.series, now.Add(-d.short())),
	}
	if n.inPanic() {
		l.panic = now
	}
	n.Calm = now.Sub(l.panic)
	return n
}

// unwatched says that a key has too few workers to be watched: its stable window begins anew when it has more.
func (d *demand) unwatched(key faas.Key, now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if l := d.keys[key]; l != nil {
		l.busy, l.series, l.seen = 0, nil, now
	}
}

// tidy forgets the keys that nobody has spoken of for a while.
func (d *demand) tidy(now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for key, l := range d.keys {
		if now.Sub(l.touched) > max(d.stable, reportFresh) {
			delete(d.keys, key)
		}
	}
}
