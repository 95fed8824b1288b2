package prober

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openstack-faas/faas/internal/background"
	"github.com/openstack-faas/faas/internal/dispatch"
	"github.com/openstack-faas/faas/internal/engine/fleet"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/orchestrator"
)

// cloud is workers of which some are dead. Removing one takes until stuck is closed, if that is
// set.
type cloud struct {
	orchestrator.Orchestrator
	stuck chan struct{}

	workers []faas.Worker

	mu      sync.Mutex
	answers map[string][]bool // what each worker's probes find, in turn; the last goes for all that follow
	probes  map[string]int
	removed []string
}

func (c *cloud) Token(string) string { return "" }

func (c *cloud) Remove(_ context.Context, id string) error {
	if c.stuck != nil {
		<-c.stuck
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.removed = append(c.removed, id)
	return nil
}

func (c *cloud) probe(_ context.Context, w faas.Worker) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	answers := c.answers[w.ID]
	n := c.probes[w.ID]
	c.probes[w.ID]++
	if len(answers) == 0 || answers[min(n, len(answers)-1)] {
		return nil
	}
	return errors.New("no answer")
}

// rig is a prober of a cloud within a bubble of synctest.
type rig struct {
	*cloud
	prober  *Prober
	fleet   *fleet.Fleet
	evicted int // how often somebody could take a place
}

func start(t *testing.T, c *cloud, owns func(string) bool) *rig {
	t.Helper()
	c.probes = map[string]int{}
	r := &rig{cloud: c}
	group, log := background.New(context.Background()), slog.New(slog.DiscardHandler)
	client := dispatch.NewClient(c.Token)
	r.fleet = fleet.New(fleet.Config{
		Orchestrator: c, Client: client, Group: group, Log: log,
		ServerUp: func() {}, Silent: func(faas.Worker) {}, Now: time.Now,
	})
	var shown []orchestrator.Change
	for _, w := range c.workers {
		shown = append(shown, orchestrator.Change{Worker: w})
	}
	r.fleet.Apply(shown)
	r.prober = New(Config{
		Probe: c.probe, Fleet: r.fleet, Owns: owns, Group: group, Log: log,
		Evicted: func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			r.evicted++
		},
	})
	t.Cleanup(func() {
		r.fleet.Stop()
		group.Stop()
		_ = group.Wait(context.Background())
		client.Close()
	})
	return r
}

func worker(id, function, node string) faas.Worker {
	w := faas.Worker{ID: id, Node: node, Ready: true, Address: "tcp:127.0.0.1:1"}
	if function != "" {
		w.Key = faas.Key{FunctionID: function}
	}
	return w
}

func all(string) bool { return true }

func TestTwoProbesWithoutAnAnswer(t *testing.T) {
	for name, test := range map[string]struct {
		answers []bool
		probes  int
		dead    bool
	}{
		"answers":               {[]bool{true}, 1, false},
		"answers late":          {[]bool{false, true}, 2, false},
		"does not answer":       {[]bool{false}, 2, true},
		"would answer too late": {[]bool{false, false, true}, 2, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := worker("w", "f", "")
				r := start(t, &cloud{workers: []faas.Worker{w}, answers: map[string][]bool{"w": test.answers}}, all)
				r.mu.Lock() // no probe ends before all have complained
				for range 10 {
					r.prober.Suspect(w, w) // it is being probed already
				}
				r.mu.Unlock()
				synctest.Wait()
				for range attempts { // whatever pauses there are
					background.Sleep(t.Context(), pause)
				}
				synctest.Wait()
				if r.probes["w"] != test.probes || (len(r.removed) == 1) != test.dead || r.evicted != len(r.removed) {
					t.Errorf("%d probes, removed %v, %d places", r.probes["w"], r.removed, r.evicted)
				}
			})
		})
	}
}

// What is dead must not count while Kubernetes has not removed it yet.
func TestDeadWorkerIsTakenOutAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := worker("w", "f", "")
		c := &cloud{workers: []faas.Worker{w}, answers: map[string][]bool{"w": {false}}, stuck: make(chan struct{})}
		r := start(t, c, all)
		r.prober.Suspect(w)
		background.Sleep(t.Context(), 2*pause)
		synctest.Wait()
		if left := len(r.fleet.Workers()); left != 0 || r.evicted != 1 || len(r.removed) != 0 {
			t.Errorf("%d workers are left, %d places, removed %v", left, r.evicted, r.removed)
		}
		close(c.stuck)
		synctest.Wait()
		if len(r.removed) != 1 {
			t.Errorf("removed %v", r.removed)
		}
	})
}

func TestOthersWorkersAreLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mine, theirs := worker("mine", "f", ""), worker("theirs", "g", "")
		answers := map[string][]bool{"mine": {false}, "theirs": {false}}
		owned := true
		c := &cloud{workers: []faas.Worker{mine, theirs}, answers: answers}
		r := start(t, c, func(id string) bool {
			c.mu.Lock()
			defer c.mu.Unlock()
			return id == "f" && owned
		})
		r.prober.Suspect(mine, theirs)
		synctest.Wait() // the first probe was made
		c.mu.Lock()
		owned = false // another engine has taken over
		c.mu.Unlock()
		background.Sleep(t.Context(), 2*pause)
		synctest.Wait()
		if r.probes["theirs"] != 0 || r.probes["mine"] != 2 || len(r.removed) != 0 {
			t.Errorf("probes %v, removed %v", r.probes, r.removed)
		}
	})
}

// A node that dies takes all its workers with it, and callers would find them one after the other.
func TestWorkersOfADeadNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		found := worker("found", "f", "dead")
		c := &cloud{
			workers: []faas.Worker{
				found, worker("same function", "f", "dead"), worker("generic", "", "dead"), worker("other function", "g", "dead"),
				worker("lives", "f", "dead"), worker("another engine's", "h", "dead"), worker("elsewhere", "f", "alive"),
			},
			answers: map[string][]bool{
				"found": {false}, "same function": {false}, "generic": {false}, "other function": {false},
				"another engine's": {false}, "elsewhere": {false}, // nobody has complained of it
			},
		}
		r := start(t, c, func(id string) bool { return id != "h" })
		r.prober.Suspect(found)
		background.Sleep(t.Context(), 4*pause)
		synctest.Wait()
		slices.Sort(r.removed)
		if want := []string{"found", "generic", "other function", "same function"}; !slices.Equal(r.removed, want) {
			t.Errorf("removed %v, want %v", r.removed, want)
		}
		if r.probes["lives"] != 1 || r.probes["another engine's"] != 0 || r.probes["elsewhere"] != 0 {
			t.Errorf("probes %v", r.probes)
		}
	})
}
