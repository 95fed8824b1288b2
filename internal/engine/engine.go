// Package engine puts together what owns workers and asynchronous executions. Its rooms do the work
// and know nothing of each other but for those beneath them:
//
//	autoscale  manualscale                   change how many workers functions have
//	pools  placement  repair                 use the fleet
//	asyncrun   imagerun  upkeep  jobs  followup
//	prober                                   ends workers that are dead
//	preparation                              what a function needs before it gets a worker
//	fleet  demand                            which workers there are, and how many are needed
//
// The engine wires them, answers the broker, owns shards, and starts their loops.
package engine

import (
	"cmp"
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"net"
	"sync"
	"time"

	"github.com/openstack-faas/faas/internal/background"
	"github.com/openstack-faas/faas/internal/broker"
	"github.com/openstack-faas/faas/internal/busfeed"
	"github.com/openstack-faas/faas/internal/codestore"
	"github.com/openstack-faas/faas/internal/dispatch"
	"github.com/openstack-faas/faas/internal/duework"
	"github.com/openstack-faas/faas/internal/engine/asyncrun"
	"github.com/openstack-faas/faas/internal/engine/autoscale"
	"github.com/openstack-faas/faas/internal/engine/demand"
	"github.com/openstack-faas/faas/internal/engine/fleet"
	"github.com/openstack-faas/faas/internal/engine/followup"
	"github.com/openstack-faas/faas/internal/engine/imagerun"
	"github.com/openstack-faas/faas/internal/engine/introduction"
	"github.com/openstack-faas/faas/internal/engine/jobs"
	"github.com/openstack-faas/faas/internal/engine/manualscale"
	"github.com/openstack-faas/faas/internal/engine/placement"
	"github.com/openstack-faas/faas/internal/engine/pools"
	"github.com/openstack-faas/faas/internal/engine/preparation"
	"github.com/openstack-faas/faas/internal/engine/prober"
	"github.com/openstack-faas/faas/internal/engine/repair"
	"github.com/openstack-faas/faas/internal/engine/triggers"
	"github.com/openstack-faas/faas/internal/engine/upkeep"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/notify"
	"github.com/openstack-faas/faas/internal/orchestrator"
	"github.com/openstack-faas/faas/internal/outbound"
	"github.com/openstack-faas/faas/internal/ownership"
	"github.com/openstack-faas/faas/internal/quota"
	"github.com/openstack-faas/faas/internal/seal"
	"github.com/openstack-faas/faas/internal/session"
	"github.com/openstack-faas/faas/internal/store"
	"github.com/openstack-faas/faas/internal/submit"
	"github.com/openstack-faas/faas/internal/trigger"
	"github.com/openstack-faas/faas/internal/trigger/frombus"
	"github.com/openstack-faas/faas/internal/trigger/fromclock"
	"github.com/openstack-faas/faas/internal/tunnel"
	"github.com/openstack-faas/faas/internal/workertls"
)

// Config is what an Engine needs. Every field is required but those that say what stands in for
// them.
type Config struct {
	Name         string // of this engine among others, in leases and logs: unique for each start of a process
	Alone        bool   // no other engine can live: see ownership.Config
	Store        *store.Store
	Broker       broker.Broker
	Code         codestore.Store
	Orchestrator orchestrator.Orchestrator
	Gateways     *tunnel.Dialer       // by which workers are reached that are behind gateways; nil: none are
	Authority    *workertls.Authority // by which workers are spoken to by TLS; nil: none are
	// Dial connects to workers, in simulations; nil: over the network.
	Dial      func(ctx context.Context, address string) (net.Conn, error)
	Limits    Limits
	Trusts    *Trusts           // nil: functions act for nobody
	Objects   *Objects          // nil: functions from Swift keep the code that they were made or updated with
	Notify    *notify.Notifier  // makes what other services are told; nil: they are told nothing
	Publisher *notify.Publisher // sends notifications; nil: another engine does, or none
	Quotas    *quota.Quotas     // what projects may have; nil: anything
	Variables *seal.Variables   // opens functions' secrets; nil: functions that have some are not run
	Calls     *quota.Calls      // counts executions; nil: nobody does
	Sums      *quota.Sums       // adds up what all processes count; nil: nobody does
	Cloud     trigger.Cloud     // how outcomes get to queues of Zaqar; nil: they do not
	URLs      *outbound.Client  // how they get to URLs; nil: they do not
	// Keepers returns the keepers of triggers whose sources are services of this cloud; nil: there
	// are none.
	Keepers func(trigger.Taker) map[faas.TriggerSource]trigger.Keeper
	// ProjectGone reports whether a project was deleted; nil: nobody knows.
	ProjectGone func(ctx context.Context, projectID string) (bool, error)
	Now         func() time.Time // nil: time.Now
	Log         *slog.Logger     // nil: slog.Default()
}

// Objects is how the engine looks whether the objects in Swift that functions' code is from have
// changed.
type Objects = preparation.Objects

// Trusts is what functions act by in OpenStack.
type Trusts struct {
	Sessions *session.Sessions
	Keystone Keystone
}

// Keystone is what the engine asks of it besides tokens.
type Keystone interface {
	asyncrun.Projects
	upkeep.Trusts
}

// Limits are the engine's bounds and times, from [engine].
type Limits struct {
	PoolSize    int           // generic workers that each runtime keeps ready at least
	PoolMax     int           // and at most, when claims demand it; PoolSize when less than that
	PoolExtra   int           // workers beside each pool, for requests that wait, at most
	PerFunction int           // workers of one function at most
	Workers     int           // workers of all functions together at most
	Idle        time.Duration // a worker without a call for this long ends
	// Stable is how long a function must not have needed a worker for it to end before Idle, all
	// but the last; a minute when 0.
	Stable time.Duration
	Lease  time.Duration // how long an execution is this engine's without renewal
	Reap   time.Duration // pause between two looks for lost messages and expired leases
	// containers of image functions' calls that run at a time, of one project four fifths; 50 when
	// 0
	ImagePods     int
	AsyncParallel int           // asynchronous executions that are in hand at a time, of one project four fifths
	Wait          time.Duration // how long one attempt at an asynchronous execution waits for a slot
	Retention     time.Duration // ended executions are purged after this long; 0 keeps them
	Statistics    time.Duration // statistics by the hour are purged after this long; 90 days when 0
	PackageGrace  time.Duration // a package that no function refers to is collected after this long
	// bytes that packages may take in memory, half of them for cold starts under way and half as a
	// cache
	PackageMemory int64
	MaxInput      int64 // bytes of the input that an event makes; 1 MiB when 0
}

// Engine runs the loops. Make it with New, run it with Run.
type Engine struct {
	cfg    Config
	log    *slog.Logger
	client *dispatch.Client

	background *background.Group // everything that follows
	intake     *background.Group // what takes new work; it is stopped first
	loops      *background.Group // what keeps going until executions under way have ended
	undo       *background.Group // what returns what was taken

	shards      *ownership.Balancer
	due         *duework.Runner
	ended       chan string // ids of workers that ended, to be broadcast
	fleet       *fleet.Fleet
	demand      *demand.Demand
	preparation *preparation.Preparer
	prober      *prober.Prober
	placement   *placement.Placer
	autoscale   *autoscale.Scaler
	manual      *manualscale.Scaler
	pools       *pools.Pools
	introducer  *introduction.Introducer
	repair      *repair.Repairer
	upkeep      *upkeep.Upkeeper
	images      *imagerun.Runner
	dispatch    *dispatch.Dispatcher
	executions  *asyncrun.Runner
	submit      *submit.Submitter
	jobs        *jobs.Firer
	followUps   *followup.Follower
	settled     chan string // refs of work that is due, for the owners of other shards
	events      *trigger.Intake
	triggers    *triggers.Steward
	heard       *Notifications // nil: no trigger hears other services

	ready chan struct{} // closed when Run serves
	once  sync.Once
}

// New makes an engine that does nothing until Run.
func New(cfg Config) *Engine {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	if cfg.Limits.Stable == 0 {
		cfg.Limits.Stable = time.Minute
	}
	e := &Engine{
		cfg: cfg, log: cfg.Log, client: newClient(cfg), background: background.New(context.Background()),
		ended: make(chan string, endedAtOnce), settled: make(chan string, settledAtOnce), ready: make(chan struct{}),
	}
	e.intake, e.loops, e.undo = e.background.Child("intake"), e.background.Child("loops"), e.background.Child("undo")
	e.shards = ownership.New(
		ownership.Config{
			Name: cfg.Name, Membership: cfg.Store.Membership, Broker: cfg.Broker, Hold: e.hold, Alone: cfg.Alone,
			Log: cfg.Log,
		},
	)
	e.makeWorkerRooms()
	e.makeExecutionRooms()
	e.due = duework.New(duework.Config{
		Store: cfg.Store.DueWork, Owned: e.shards.Owned, Kinds: e.dueKinds(), Log: cfg.Log,
	})
	return e
}

// makeWorkerRooms makes what knows and changes workers. A room gets those beneath it, and a
// function for what it says to one above.
func (e *Engine) makeWorkerRooms() {
	cfg, limits := e.cfg, e.cfg.Limits
	e.demand = demand.New(limits.Stable)
	e.fleet = fleet.New(fleet.Config{
		Name: cfg.Name, Orchestrator: cfg.Orchestrator, Client: e.client, Group: e.background, Now: cfg.Now, Log: cfg.Log,
		ServerUp: func() { e.placement.Retry() },
		Silent:   func(w faas.Worker) { e.prober.Suspect(w) },
	})
	e.prober = prober.New(prober.Config{
		Probe: e.client.Probe, Fleet: e.fleet, Owns: e.shards.Owns, Evicted: func() { e.placement.Retry() },
		Group: e.loops, Log: cfg.Log,
	})
	e.preparation = preparation.New(preparation.Config{
		Functions: cfg.Store.FunctionStore, Usage: cfg.Store.QuotaStore,
		Code: cfg.Code, Memory: limits.PackageMemory, Objects: cfg.Objects, Serves: e.fleet.Serves,
		Changed: e.broadcastChange, Group: e.background, Now: cfg.Now, Log: cfg.Log,
	})
	e.placement = placement.New(placement.Config{
		Functions: cfg.Store.FunctionStore, Runtimes: cfg.Store.RuntimeStore,
		Client: e.client, Fleet: e.fleet, Demand: e.demand, Preparer: e.preparation, Quotas: cfg.Quotas,
		Variables: cfg.Variables,
		Workers:   limits.Workers, PerFunction: limits.PerFunction, Now: cfg.Now, Log: cfg.Log,
		Unowned: func() { e.repair.Soon() }, NoNode: noNode(cfg.Orchestrator),
		Waits: func() { e.pools.Awaited() },
		Takes: func(ctx context.Context, w faas.Worker) { broker.Hint(ctx, w) },
	})
	e.autoscale = autoscale.New(autoscale.Config{
		Fleet: e.fleet, Demand: e.demand, Owns: e.shards.Owns, PerFunction: limits.PerFunction, Idle: limits.Idle, Now: cfg.Now, Log: cfg.Log,
	})
	e.manual = manualscale.New(manualscale.Config{
		Functions: cfg.Store.FunctionStore,
		Fleet:     e.fleet, Placement: e.placement, Demand: e.demand, PerFunction: limits.PerFunction,
		Idle: limits.Idle, Forget: e.forgetWorkers, Owned: e.shards.Of, Group: e.loops, Now: cfg.Now, Log: cfg.Log,
	})
	e.pools = pools.New(pools.Config{
		Runtimes: cfg.Store.RuntimeStore, Shards: cfg.Store.Shards(), Orchestrator: cfg.Orchestrator,
		Fleet: e.fleet, Owns: e.shards.Owns, Size: limits.PoolSize, Most: limits.PoolMax,
		Workers: limits.Workers, Contents: e.client.Contents,
		Group: e.intake, Now: cfg.Now, Log: cfg.Log,
		Name: cfg.Name, Extra: limits.PoolExtra, Wanted: e.placement.Wanted, Tell: e.tellAwaited,
	})
	e.introducer = introduction.New(introduction.Config{
		Engine: cfg.Name, Orchestrator: cfg.Orchestrator, Owns: e.shards.Owns, Introduce: e.client.Certify,
		Group: e.intake, Now: cfg.Now, Log: cfg.Log,
	})
	e.repair = repair.New(repair.Config{
		Functions: cfg.Store.FunctionStore, Runtimes: cfg.Store.RuntimeStore,
		Fleet: e.fleet, Owns: e.shards.Owns, Adopted: e.placement.Retry,
		DeletePool: e.pools.Delete, Now: cfg.Now, Log: cfg.Log,
	})
}

// makeExecutionRooms makes what runs executions and keeps their records.
func (e *Engine) makeExecutionRooms() {
	cfg, limits := e.cfg, e.cfg.Limits
	images, _ := cfg.Orchestrator.(orchestrator.Images)
	e.images = imagerun.New(imagerun.Config{Images: images, Parallel: limits.ImagePods, Wait: limits.Wait, Log: cfg.Log})
	e.dispatch = dispatch.New(dispatch.Config{
		Client: e.client, Acquire: e.acquire, Wait: limits.Wait, PerProject: limits.AsyncParallel, Log: cfg.Log,
	})
	running := asyncrun.Config{
		Name: cfg.Name, Store: cfg.Store, Broker: cfg.Broker, Call: e.call, Cancel: e.cancelCall, Calls: cfg.Calls, Notify: cfg.Notify,
		Parallel: limits.AsyncParallel, Lease: limits.Lease, Wait: limits.Wait, Intake: e.intake, Undo: e.undo, Now: cfg.Now, Log: cfg.Log,
		Followed: e.dueSoon,
	}
	records := upkeep.Config{
		Store: cfg.Store, Code: cfg.Code, Notify: cfg.Notify, Quotas: cfg.Quotas,
		Retention: limits.Retention, PackageGrace: limits.PackageGrace,
		Statistics: cmp.Or(limits.Statistics, 90*24*time.Hour),
		Lease:      limits.Lease, Now: cfg.Now, Log: cfg.Log,
	}
	if trusts := cfg.Trusts; trusts != nil {
		running.Credentials = &asyncrun.Credentials{Sessions: trusts.Sessions, Projects: trusts.Keystone}
		records.Trusts = trusts.Keystone
	}
	e.executions = asyncrun.New(running)
	e.upkeep = upkeep.New(records)
	e.submit = submit.New(submit.Config{
		Executions: cfg.Store.ExecutionLifecycle, Broker: cfg.Broker, Calls: cfg.Calls, Log: cfg.Log, Now: cfg.Now,
	})
	e.jobs = jobs.New(jobs.Config{
		Jobs: cfg.Store.JobStore, Functions: cfg.Store.FunctionStore, Submit: e.submit, Now: cfg.Now, Log: cfg.Log,
	})
	e.followUps = followup.New(followup.Config{
		Store: cfg.Store, Submit: e.submit, Cloud: cfg.Cloud, URLs: cfg.URLs, Now: cfg.Now, Log: cfg.Log,
	})
	e.makeTriggerRooms()
}

// makeTriggerRooms makes what has events come and takes them in.
func (e *Engine) makeTriggerRooms() {
	cfg := e.cfg
	e.events = trigger.NewIntake(trigger.Config{
		Store: cfg.Store, Submit: e.submit, MaxInput: cfg.Limits.MaxInput, Now: cfg.Now, Log: cfg.Log,
	})
	keepers := map[faas.TriggerSource]trigger.Keeper{faas.TriggerClock: &fromclock.Clock{Take: e.events, Now: cfg.Now}}
	if cfg.Keepers != nil {
		maps.Copy(keepers, cfg.Keepers(e.events))
	}
	e.triggers = triggers.New(triggers.Config{
		Triggers: cfg.Store.TriggerStore, Keepers: keepers, ProjectGone: cfg.ProjectGone, Log: cfg.Log,
	})
}

// Notifications are what other services say on the message bus, and who wants to hear it.
type Notifications struct {
	Index      *frombus.Index
	Containers *frombus.Index // in Swift
	Feed       *busfeed.Feed
}

// Hear has the engine bring notifications to triggers. It is called before Run.
func (e *Engine) Hear(n Notifications) { e.heard = &n }

// Taker returns what takes the events of triggers in.
func (e *Engine) Taker() trigger.Taker { return e.events }

// triggerChanged has a trigger that hears notifications be read again.
func (e *Engine) triggerChanged(body []byte) {
	var changed faas.TriggerChanged
	if e.heard != nil && json.Unmarshal(body, &changed) == nil {
		e.heard.Index.Changed(changed.ID)
		e.heard.Containers.Changed(changed.ID)
	}
}

// newClient returns the engine's client of workers.
func newClient(cfg Config) *dispatch.Client {
	client := dispatch.NewClient(cfg.Orchestrator.Token)
	client.Through(cfg.Gateways)
	if voucher, is := cfg.Orchestrator.(orchestrator.Voucher); is && cfg.Authority != nil {
		client.Secure(cfg.Authority, voucher.Vouch)
	}
	client.Dial(cfg.Dial)
	return client
}

// Ready is closed when the engine answers requests and its loops run.
func (e *Engine) Ready() <-chan struct{} { return e.ready }

// WorkerMemory returns the memory of the workers of functions that this engine owns, in bytes by
// project.
func (e *Engine) WorkerMemory() map[string]int64 { return e.fleet.Index.MemoryOf(e.shards.Owns) }
