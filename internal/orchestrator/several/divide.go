package several

import (
	"hash/fnv"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/orchestrator"
)

// share is one cluster's part of a pool.
type share struct {
	m    *member
	size int
	none bool // the pool may not be in this cluster
}

// limited names a pool in a cluster that had no room for its part.
type limited struct{ runtimeID, cluster string }

// limit is how many workers it had room for, and until when that is believed.
type limit struct {
	most  int
	until time.Time
}

// room is how much of a pool each cluster can have.
type room struct {
	*clusters

	// Of pools in clusters that had no room for them; the lock of clusters guards it.
	limits map[limited]limit
}

// takes reports whether the cluster may have new workers of the placement.
func (c Cluster) takes(placement faas.Placement) bool {
	return c.Weight > 0 && placement.Fits(c.Labels) && (!c.Reserved || placement.AsksFor(c.Labels))
}

// divide divides the pool by the weights of the clusters that may have it, answer, and have room.
// What no cluster has room for waits in one of them, as it would if there were one. refused are
// those that could not have it; if that is all, the error is one of theirs.
func (r *room) divide(pool orchestrator.Pool, refused map[*member]error) ([]share, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var shares []share
	var fit []*share
	fits := false
	for _, m := range r.members {
		takes := m.takes(pool.Placement)
		fits = fits || takes
		if m.answers() {
			shares = append(shares, share{m: m, none: !takes})
		}
	}
	for i := range shares {
		if _, cannot := refused[shares[i].m]; !shares[i].none && !cannot {
			fit = append(fit, &shares[i])
		}
	}
	switch {
	case len(fit) > 0:
	case len(refused) > 0:
		return nil, worst(refused)
	default:
		return nil, errNowhere(pool.Placement, fits)
	}
	for range pool.Size {
		next := r.neediest(fit, pool.RuntimeID, true)
		if next == nil {
			next = r.neediest(fit, pool.RuntimeID, false)
		}
		next.size++
	}
	return shares, nil
}

// neediest returns the share that the next worker belongs to; nil: none has room. The lock is held.
func (r *room) neediest(shares []*share, runtimeID string, withRoom bool) (best *share) {
	least, order := 0.0, uint32(0)
	for _, s := range shares {
		bound, is := r.limits[limited{runtimeID, s.m.Name}]
		if withRoom && is && s.size >= bound.most && time.Now().Before(bound.until) {
			continue
		}
		need := float64(s.size+1) / float64(s.m.Weight)
		// Of equal ones another comes first for each runtime: else pools of one would all be in one
		// cluster.
		turn := turnOf(runtimeID, s.m.Name)
		if best == nil || need < least || need == least && turn < order {
			best, least, order = s, need, turn
		}
	}
	return best
}

func turnOf(runtimeID, cluster string) uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(runtimeID + "/" + cluster)) // never fails
	return h.Sum32()
}

// bound has the cluster get no more than so many of the pool's workers for a while.
func (r *room) bound(runtimeID string, m *member, most int, reason string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.limits[limited{runtimeID, m.Name}] = limit{most, time.Now().Add(r.cfg.Retry)}
	r.log.Warn("a cluster cannot have its part of a pool; others get it", "cluster", m.Name,
		"runtime_id", runtimeID, "most", most, "reason", reason)
}

// forget drops what is known of room for the pool.
func (r *room) forget(runtimeID string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for key := range r.limits {
		if key.runtimeID == runtimeID {
			delete(r.limits, key)
		}
	}
}

// watchRoom looks for workers of pools that wait for room in their cluster, until the orchestrator
// is closed: if there are other clusters, those get them.
func (r *room) watchRoom() {
	tick := time.NewTicker(r.cfg.Room / 4)
	defer tick.Stop()
	since := map[string]time.Time{} // by worker id
	for {
		select {
		case <-r.ctx.Done():
			return
		case now := <-tick.C:
			if r.lookForRoom(since, now) {
				r.rearranged.Wake()
			}
		}
	}
}

// lookForRoom bounds the parts of pools that have waited for too long, and drops old bounds. It
// reports whether pools have to be divided anew. since is when workers were first seen to wait.
func (r *room) lookForRoom(since map[string]time.Time, now time.Time) (changed bool) {
	ready, late := map[limited]int{}, map[limited]*member{}
	r.mu.Lock()
	for id := range since {
		if w, there := r.shown[id]; !there || w.Ready {
			delete(since, id)
		}
	}
	for id, w := range r.shown {
		if !w.Generic() || w.RuntimeID == "" || w.of.silent {
			continue
		}
		key := limited{w.RuntimeID, w.of.Name}
		if w.Ready {
			ready[key]++
			continue
		}
		if _, known := since[id]; !known {
			since[id] = now
		}
		if now.Sub(since[id]) >= r.cfg.Room {
			late[key] = w.of
		}
	}
	for key, bound := range r.limits {
		if now.After(bound.until) {
			delete(r.limits, key)
			changed = true
		}
	}
	alone := len(r.members) < 2
	r.mu.Unlock()
	if alone {
		return false
	}
	for key, m := range late {
		r.bound(key.runtimeID, m, ready[key], "its workers wait for room")
		changed = true
	}
	return changed
}
