package placement

import "github.com/openstack-faas/faas/internal/faas"

// Wanted returns how many more generic workers the requests that wait here are worth, by runtime.
// Each asks for one, of which its project must have the memory and its function the number. A
// function that has a worker, or gets one now, has its calls served by that: more are worth it once
// a call has waited for as long as they take to start, for a queue that drains faster is served
// sooner by the workers there are.
func (p *Placer) Wanted() map[string]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	wanted, now := map[string]int{}, p.cfg.Now()
	for project, requests := range p.queue.Waiting() {
		more := additions{
			memory: p.index.Memory(project), keys: map[faas.Key]int{}, functions: map[string]int{},
		}
		for _, r := range requests {
			key := r.target.Key
			switch {
			case r.wantsServer():
			case p.index.CountFunction(key)+more.functions[key.FunctionID] >= p.cfg.PerFunction:
			case r.memory != faas.Unlimited && more.memory+r.target.MemorySize > r.memory:
			case p.index.CountOwn(key)+more.keys[key] > 0 &&
				(now.Sub(r.since) < p.cfg.Fleet.StartTime(r.target.RuntimeID) || p.isToGet(r)):
			default:
				more.add(r.target)
				wanted[r.target.RuntimeID]++
			}
		}
	}
	return wanted
}

// isToGet reports whether a worker of the function that the caller does not know is about to take
// calls. The lock is held.
func (p *Placer) isToGet(r *request) bool {
	_, coming := p.index.FindOwn(r.target.Key, func(w faas.Worker) bool { return !w.Ready && !r.known[w.ID] })
	return coming
}

// additions are what a project would have more if its requests were granted.
type additions struct {
	memory    int64
	keys      map[faas.Key]int
	functions map[string]int // by function, all its versions together
}

func (a *additions) add(target faas.Target) {
	a.memory += target.MemorySize
	a.keys[target.Key]++
	a.functions[target.Key.FunctionID]++
}
