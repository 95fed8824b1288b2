package several

import "github.com/openstack-faas/faas/internal/faas"

// member is one cluster and what is known of it. The lock of clusters guards all but Cluster.
type member struct {
	Cluster
	inner  Member                 // nil until it is open
	known  map[string]faas.Worker // its workers, also while it is lost
	silent bool                   // its API does not answer; its workers may
	lost   bool                   // and neither do its workers
	away   chan struct{}          // closed while it is silent, another when it answers again
	left   chan struct{}          // the same of lost
	// doubted are workers that were known before it was lost and have not answered since it is back.
	// They are not shown.
	doubted map[string]struct{}
}

func newMember(c Cluster) *member {
	return &member{
		Cluster: c, known: map[string]faas.Worker{}, doubted: map[string]struct{}{},
		away: make(chan struct{}), left: make(chan struct{}),
	}
}

// answers reports whether workers can be made in it; the lock is held.
func (m *member) answers() bool { return m.inner != nil && !m.silent && !m.lost }
