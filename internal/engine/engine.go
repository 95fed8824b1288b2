// Package engine owns what needs owning: the runtimes' pools, turning a generic worker into a function's, running asynchronous
// executions, ending idle workers, repair and retention. Each of these is one loop in one file; Engine starts and stops them.
package engine

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/openstack-faas/faas/internal/broker"
	"github.com/openstack-faas/faas/internal/codestore"
	"github.com/openstack-faas/faas/internal/dispatch"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/notify"
	"github.com/openstack-faas/faas/internal/orchestrator"
	"github.com/openstack-faas/faas/internal/quota"
	"github.com/openstack-faas/faas/internal/store"
)

// Config is what an Engine needs. Every field is required but those that say what stands in for them.
type Config struct {
	Name         string // of this engine among others, in leases and logs: unique for each start of a process
	Store        *store.Store
	Broker       broker.Broker
	Code         codestore.Store
	Orchestrator orchestrator.Orchestrator
	Limits       Limits
	Trusts       *Trusts          // nil: functions act for nobody
	Objects      *Objects         // nil: functions from Swift keep the code that they were made or updated with
	Notify       *notify.Notifier // tells other services what happens; nil: nobody is told
	Quotas       *quota.Quotas    // what projects may have; nil: anything
	Calls        *quota.Calls     // counts executions; nil: nobody does
	Now          func() time.Time // nil: time.Now
	Log          *slog.Logger     // nil: slog.Default()
}

// Limits are the engine's bounds and times, from [engine].
type Limits struct {
	PoolSize      int           // generic workers that each runtime keeps ready at least
	PoolMax       int           // and at most, when claims demand it; PoolSize when less than that
	PerFunction   int           // workers of one function at most
	Workers       int           // workers of all functions together at most
	Idle          time.Duration // a worker without a call for this long ends
	Stable        time.Duration // workers that a function has not needed for this long end before that, all but the last; a minute when 0
	Lease         time.Duration // how long an execution is this engine's without renewal
	Reap          time.Duration // pause between two looks for lost messages and expired leases
	ImagePods     int           // containers of image functions' calls that this engine runs at a time, of one project four fifths; 50 when 0
	AsyncParallel int           // asynchronous executions that this engine has in hand at a time, of one project four fifths
	Wait          time.Duration // how long one attempt at an asynchronous execution waits for a slot
	Retention     time.Duration // ended executions are purged after this long; 0 keeps them
	PackageGrace  time.Duration // a package that no function refers to is collected after this long
	PackageCache  int64         // bytes of packages that are held in memory for cold starts
}

// Engine runs the loops. Make it with New, run it with Run.
type Engine struct {
	cfg        Config
	log        *slog.Logger
	now        func() time.Time
	client     *dispatch.Client
	dispatch   *dispatch.Dispatcher
	packages   *packageCache
	claims     claims
	leases     leases
	stale      stale
	looks      looks
	shards     shards
	place      *place
	demand     *demand
	pools      *pools
	gate       *gate
	memories   memories
	lanes      lanes
	direct     direct
	images     orchestrator.Images // nil: the orchestrator runs none
	servers    servers
	spoiled    spoiled
	containers *gate         // for images that run for one call
	tookOver   bell          // rung when workers may be there that nobody knows whose they are
	ready      chan struct{} // closed when Run serves
	once       sync.Once
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
	e := &Engine{cfg: cfg, log: cfg.Log, now: cfg.Now, ready: make(chan struct{}), tookOver: newBell()}
	e.place = newPlace(e)
	e.demand = newDemand(cfg.Limits.Stable)
	e.pools = newPools()
	e.gate = newGate(cfg.Limits.AsyncParallel)
	e.lanes.init(cfg.Limits.AsyncParallel)
	e.direct.init(cfg.Limits.AsyncParallel)
	e.images, _ = cfg.Orchestrator.(orchestrator.Images)
	e.servers.init()
	e.containers = newGate(cmp.Or(cfg.Limits.ImagePods, defaultImagePods))
	e.client = dispatch.NewClient(cfg.Orchestrator.Token)
	e.packages = newPackageCache(cfg.Code, cfg.Limits.PackageCache)
	e.claims.init()
	e.leases.init()
	e.stale.init()
	e.memories.init()
	e.looks.init()
	e.spoiled.init()
	e.dispatch = dispatch.New(dispatch.Config{
		Client: e.client, Acquire: e.acquire, Wait: cfg.Limits.Wait, PerProject: cfg.Limits.AsyncParallel, Log: cfg.Log,
	})
	return e
}

const (
	poolParallel     = 64
	runtimesParallel = 4
)

// Ready is closed when the engine answers requests and its loops run.
func (e *Engine) Ready() <-chan struct{} { return e.ready }

// Run works until ctx ends, then stops taking work, lets what runs end and returns.
func (e *Engine) Run(ctx context.Context) error {
	// The loops go on while executions under way end: their leases must not run out meanwhile.
	looping, endLoops := context.WithCancel(context.WithoutCancel(ctx))
	var loops sync.WaitGroup
	defer loops.Wait()
	defer endLoops()
	stops, err := e.serve(ctx)
	defer func() {
		for _, stop := range stops {
			stop()
		}
		e.direct.wait()
		e.dispatch.Close()
		e.looks.wait()
		e.servers.stop()
		e.claims.wait()
	}()
	if err != nil {
		return err
	}
	for _, loop := range []func(context.Context){
		e.watchWorkers, e.watchLine, e.watchDemand, e.makeRoom, e.endIdle, e.endStale, e.repair, e.sweep, e.renewLeases, e.settle, e.retain, e.deleteTrusts,
		e.finishPackages, e.watchObjects,
	} {
		loops.Go(func() { loop(looping) })
	}
	loops.Go(func() { e.watchPools(ctx) })
	loops.Go(func() { e.wake(ctx) })
	loops.Go(func() { e.watchGate(looping) })
	loops.Go(func() { e.mendUsage(looping) })
	e.once.Do(func() { close(e.ready) })
	<-ctx.Done()
	return nil
}

// serve makes the engine reachable through the broker; the stops it returns are to be called even when it fails.
func (e *Engine) serve(ctx context.Context) (stops []func(), err error) {
	b := e.cfg.Broker
	keep := func(what string, stop func(), err error) error {
		if err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		stops = append(stops, stop)
		return nil
	}
	stop, err := b.Serve(ctx, faas.MethodPool, poolParallel, e.servePool)
	if err := keep(faas.MethodPool, stop, err); err != nil {
		return stops, err
	}
	if e.images != nil {
		stop, err = b.Serve(ctx, faas.MethodRunImage, acquireParallel, e.serveRunImage)
		if err := keep(faas.MethodRunImage, stop, err); err != nil {
			return stops, err
		}
	}
	stop, err = b.Subscribe(ctx, faas.TopicFunction, e.functionChanged)
	if err := keep(faas.TopicFunction, stop, err); err != nil {
		return stops, err
	}
	for shard := range faas.Shards {
		stop, err = e.own(ctx, shard)
		if err := keep(faas.ShardName(shard), stop, err); err != nil {
			return stops, err
		}
	}
	stop, err = b.Consume(ctx, faas.QueueRuntimes, runtimesParallel, e.reconcileRuntime)
	if err := keep(faas.QueueRuntimes, stop, err); err != nil {
		return stops, err
	}
	for lane := range faas.ExecutionLanes {
		queue := faas.ExecutionsQueueOf(lane)
		stop, err = b.Consume(ctx, queue, e.lanes.depth, e.lanes.handler(lane, e.runExecution))
		if err := keep(queue, stop, err); err != nil {
			return stops, err
		}
	}
	return stops, nil
}

// every calls do again and again with the pause between until ctx ends.
func every(ctx context.Context, pause time.Duration, do func(context.Context)) {
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			do(ctx)
		}
	}
}
