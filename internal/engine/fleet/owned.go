package fleet

import "github.com/openstack-faas/faas/internal/faas"

// ownedWorkers are the workers that are functions' own, and the sums of them that quotas and
// fairness go by. Its workerSet guards it.
type ownedWorkers struct {
	count   int
	held    map[string]int                   // how many, by project; none is absent
	memory  map[string]int64                 // what they may use together, in bytes, by project; none is absent
	of      map[faas.Key]map[string]*entry   // by key and worker id
	keys    map[string]map[faas.Key]struct{} // that have workers, by function; none is absent
	known   map[faas.Key]int64               // bytes that a worker of the key may use, of keys that have workers
	unknown map[string]map[faas.Key]struct{} // keys by project that have workers and are not in known
}

func newOwnedWorkers() ownedWorkers {
	return ownedWorkers{
		held: map[string]int{}, memory: map[string]int64{}, of: map[faas.Key]map[string]*entry{},
		keys: map[string]map[faas.Key]struct{}{}, known: map[faas.Key]int64{}, unknown: map[string]map[faas.Key]struct{}{},
	}
}

// add counts a worker as its function's.
func (o *ownedWorkers) add(e *entry) {
	w := e.as
	o.count++
	o.held[w.ProjectID]++
	of := o.of[w.Key]
	if of == nil {
		of = map[string]*entry{}
		o.of[w.Key] = of
		mark(o.keys, w.Key.FunctionID, w.Key)
	}
	of[e.id] = e
	bytes, known := o.known[w.Key]
	if !known {
		bytes = faas.DefaultMemorySize // the least that a function asks for, until somebody asks
		o.markUnknown(w.ProjectID, w.Key)
	}
	e.bytes = bytes
	o.memory[w.ProjectID] += bytes
}

// remove counts it no more. What is known of its key stays until forget.
func (o *ownedWorkers) remove(e *entry) {
	w := e.as
	o.count--
	subtract(o.held, w.ProjectID, 1)
	if o.memory[w.ProjectID] -= e.bytes; o.held[w.ProjectID] == 0 {
		delete(o.memory, w.ProjectID)
	}
	if delete(o.of[w.Key], e.id); len(o.of[w.Key]) == 0 {
		delete(o.of, w.Key)
		unmark(o.keys, w.Key.FunctionID, w.Key)
	}
}

// forget forgets the memory of a key whose last worker this was.
func (o *ownedWorkers) forget(w faas.Worker) {
	if !w.Generic() && len(o.of[w.Key]) == 0 {
		delete(o.known, w.Key)
		o.unmarkUnknown(w.ProjectID, w.Key)
	}
}

// setMemory has the workers of a key count as so many bytes each; it is forgotten with the key's
// last worker. It returns how many workers it looked at.
func (o *ownedWorkers) setMemory(key faas.Key, bytes int64) (visits int) {
	if old, known := o.known[key]; known && old == bytes || len(o.of[key]) == 0 {
		return 0
	}
	o.known[key] = bytes
	for _, e := range o.of[key] {
		visits++
		o.memory[e.as.ProjectID] += bytes - e.bytes
		e.bytes = bytes
		o.unmarkUnknown(e.as.ProjectID, key)
	}
	return visits
}

// countFunction returns how many workers the versions of a function have together. Of its live code
// the newest revision counts, and whatever is newer than the workers that there are: workers of
// older revisions end with their calls.
func (o *ownedWorkers) countFunction(key faas.Key) (count int) {
	live := key
	for other := range o.keys[key.FunctionID] {
		switch {
		case other.Version != 0:
			count += len(o.of[other])
		case live.Version != 0 || other.Revision > live.Revision:
			live = other
		}
	}
	if live.Version == 0 {
		count += len(o.of[live])
	}
	return count
}

func (o *ownedWorkers) markUnknown(projectID string, key faas.Key) { mark(o.unknown, projectID, key) }

func (o *ownedWorkers) unmarkUnknown(projectID string, key faas.Key) {
	unmark(o.unknown, projectID, key)
}

func mark(in map[string]map[faas.Key]struct{}, of string, key faas.Key) {
	if in[of] == nil {
		in[of] = map[faas.Key]struct{}{}
	}
	in[of][key] = struct{}{}
}

func unmark(in map[string]map[faas.Key]struct{}, of string, key faas.Key) {
	if delete(in[of], key); len(in[of]) == 0 {
		delete(in, of)
	}
}

func subtract(from map[string]int, key string, n int) {
	if from[key] -= n; from[key] == 0 {
		delete(from, key)
	}
}
