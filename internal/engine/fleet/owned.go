package fleet

import "github.com/openstack-faas/faas/internal/faas"

// ownedWorkers are the workers that are functions' own, and the sums of them that quotas and
// fairness go by. Its workerSet guards it.
type ownedWorkers struct {
	count   int
	held    map[string]int                   // how many, by project; none is absent
	memory  map[string]int64                 // what they may use together, in bytes, by project; none is absent
	of      map[faas.Key]map[string]*entry   // by key and worker id
	known   map[faas.Key]int64               // bytes that a worker of the key may use, of keys that have workers
	unknown map[string]map[faas.Key]struct{} // keys by project that have workers and are not in known
}

func newOwnedWorkers() ownedWorkers {
	return ownedWorkers{
		held: map[string]int{}, memory: map[string]int64{}, of: map[faas.Key]map[string]*entry{},
		known: map[faas.Key]int64{}, unknown: map[string]map[faas.Key]struct{}{},
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

func (o *ownedWorkers) markUnknown(projectID string, key faas.Key) {
	of := o.unknown[projectID]
	if of == nil {
		of = map[faas.Key]struct{}{}
		o.unknown[projectID] = of
	}
	of[key] = struct{}{}
}

func (o *ownedWorkers) unmarkUnknown(projectID string, key faas.Key) {
	if delete(o.unknown[projectID], key); len(o.unknown[projectID]) == 0 {
		delete(o.unknown, projectID)
	}
}

func subtract(from map[string]int, key string, n int) {
	if from[key] -= n; from[key] == 0 {
		delete(from, key)
	}
}
