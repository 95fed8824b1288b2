// Package clustergrowth has a node group of Magnum's grow while workers find no room on it, and
// shrink by nodes that have held nothing for a while. It never takes a node that holds a pod.
//
// Of all engines one does it, which a Lease in the cluster says. Each step reads everything anew:
// what one engine began another goes on with.
package clustergrowth

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/openstack-faas/faas/internal/kubeclient"
	"github.com/openstack-faas/faas/pkg/magnum"
)

// LeaseName is the Lease in the workers' namespace that says which engine changes the group.
const LeaseName = "faas-growth"

// Config says what grows. All but Group, Every, Patience and Log are required.
type Config struct {
	Magnum    *magnum.Client
	Cluster   string // name or UUID
	Group     string // name or UUID; "": the workers' that was made with the cluster
	Min, Max  int    // nodes of the group
	Client    kubeclient.Client
	Namespace string        // of the workers
	Selector  string        // of their labels
	Name      string        // of this process, in the Lease
	Idle      time.Duration // how long a node must have held nothing before it goes

	Every    time.Duration // between two steps. 0: 10 s
	Patience time.Duration // how long a node may take to come before another is asked for. 0: 10 min
	Log      *slog.Logger  // nil: slog.Default
}

// Growth is one that runs.
type Growth struct {
	cfg  Config
	stop context.CancelFunc
	wait sync.WaitGroup

	grown time.Time            // when a node was last asked for
	empty map[string]time.Time // since when nodes have held nothing, by name
}

// Start begins. It never fails: what goes wrong is logged and tried again.
func Start(cfg Config) *Growth {
	cfg.Every, cfg.Patience = cmp.Or(cfg.Every, 10*time.Second), cmp.Or(cfg.Patience, 10*time.Minute)
	cfg.Log = cmp.Or(cfg.Log, slog.Default())
	g := &Growth{cfg: cfg}
	ctx, stop := context.WithCancel(context.Background())
	g.stop = stop
	g.wait.Go(func() {
		for ctx.Err() == nil {
			g.lead(ctx)
		}
	})
	return g
}

// Stop ends it and waits for the step under way.
func (g *Growth) Stop() {
	g.stop()
	g.wait.Wait()
}

// lead waits until this process has the Lease, then steps until it has not.
func (g *Growth) lead(ctx context.Context) {
	l := &lease{leases: g.cfg.Client.Leases(g.cfg.Namespace), name: LeaseName, me: g.cfg.Name, log: g.cfg.Log}
	l.hold(ctx, g.run)
}

func (g *Growth) run(ctx context.Context) {
	g.grown, g.empty = time.Time{}, map[string]time.Time{}
	tick := time.NewTicker(g.cfg.Every)
	defer tick.Stop()
	for {
		if err := g.step(ctx); err != nil && ctx.Err() == nil {
			g.cfg.Log.Warn("the cluster can neither grow nor shrink; it is tried again", "cluster", g.cfg.Cluster,
				"error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// stepTimeout bounds a step: a handful of requests.
const stepTimeout = time.Minute

// step compares what there is with what is needed, and changes one node at most.
func (g *Growth) step(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, stepTimeout)
	defer cancel()
	cluster, err := g.cfg.Magnum.Cluster(ctx, g.cfg.Cluster)
	if err != nil {
		return err
	}
	if err := cluster.Usable(); err != nil {
		return err
	}
	if !cluster.Settled() {
		return nil // something is being done to it
	}
	group, err := g.cfg.Magnum.NodeGroup(ctx, cluster.UUID, g.cfg.Group)
	if err != nil {
		return err
	}
	seen, err := g.see(ctx, group.Name)
	if err != nil {
		return err
	}
	if len(seen.nodes) <= group.Count { // else one that was removed is still shown
		if err := g.reopen(ctx, seen); err != nil {
			return err
		}
	}
	g.remember(seen)
	if seen.waiting > 0 {
		return g.grow(ctx, cluster, group, seen)
	}
	return g.shrink(ctx, cluster, group, seen)
}

func (g *Growth) grow(ctx context.Context, cluster magnum.Cluster, group magnum.NodeGroup, seen sight) error {
	coming := len(seen.nodes) < group.Count && time.Since(g.grown) < g.cfg.Patience
	if group.Count >= g.cfg.Max || coming {
		return nil
	}
	next := max(group.Count+1, g.cfg.Min)
	g.cfg.Log.Info("workers find no room: the cluster grows", "cluster", cluster.Name, "node_group", group.Name,
		"waiting", seen.waiting, "nodes", next)
	if err := g.cfg.Magnum.Resize(ctx, cluster.UUID, magnum.Resize{Group: group.UUID, Count: next}); err != nil {
		return err
	}
	g.grown = time.Now()
	return nil
}

// shrink takes the node that has been empty for longest, if that is long enough: first no more pods
// may come to it, then it is looked at once more, and only then it goes. While Kubernetes shows
// other nodes than Magnum counts, one is coming or going, and none is taken: Magnum would choose
// another for one that has gone.
func (g *Growth) shrink(ctx context.Context, cluster magnum.Cluster, group magnum.NodeGroup, seen sight) error {
	node, since := g.longestEmpty(seen)
	if len(seen.nodes) != group.Count || group.Count <= max(g.cfg.Min, group.Min) ||
		node == nil || time.Since(since) < g.cfg.Idle {
		return nil
	}
	server := serverOf(node)
	if server == "" {
		return fmt.Errorf("node %s names no server that could be removed: it has no providerID and no systemUUID", node.Name)
	}
	if err := g.cordon(ctx, node.Name, true); err != nil {
		return err
	}
	again, err := g.see(ctx, group.Name)
	if err == nil && again.held[node.Name] == 0 {
		g.cfg.Log.Info("a node holds nothing: the cluster shrinks", "cluster", cluster.Name, "node_group", group.Name,
			"node", node.Name, "nodes", group.Count-1)
		err = g.cfg.Magnum.Resize(ctx, cluster.UUID, magnum.Resize{
			Group: group.UUID, Count: group.Count - 1, Remove: []string{server},
		})
		if err == nil {
			return nil
		}
	}
	delete(g.empty, node.Name)
	if back := g.cordon(ctx, node.Name, false); back != nil {
		g.cfg.Log.Warn("a node takes no more pods although it stays; it is opened again later", "node", node.Name,
			"error", back)
	}
	return err
}

// reopen lets pods come again to nodes that were closed here and have stayed: whoever closed them
// has ended before Magnum was asked, or Magnum refused.
func (g *Growth) reopen(ctx context.Context, seen sight) error {
	for i := range seen.nodes {
		node := &seen.nodes[i]
		if _, ours := node.Annotations[closedHere]; !ours {
			continue
		}
		if err := g.cordon(ctx, node.Name, false); err != nil {
			return err
		}
		node.Spec.Unschedulable = false
		g.cfg.Log.Info("a node that was to be removed stays, and takes pods again", "node", node.Name)
	}
	return nil
}
