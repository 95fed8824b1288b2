package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/openstack-faas/faas/internal/background"
	"github.com/openstack-faas/faas/internal/engine/placement"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/notify"
)

// loop is one thing that the engine does again and again.
type loop struct {
	name     string
	group    *background.Group // that it is stopped with
	interval time.Duration     // pause before each run; 0: it runs until its context ends
	run      func(ctx context.Context)
}

// allLoops is everything that the engine does without being asked.
func (e *Engine) allLoops() []loop {
	all := []loop{
		{"take in the orchestrator's events", e.loops, 0, e.watchWorkers},
		{"broadcast the end of workers", e.loops, 0, e.broadcastEnded},
		{"tell owners what is due", e.loops, 0, e.broadcastSettled},
		{"serve requests for workers", e.loops, 500 * time.Millisecond, func(context.Context) { e.placement.Retry() }},
		{"make room for projects", e.loops, 0, e.placement.MakeRoom},
		{"shrink functions", e.loops, e.autoscale.SampleInterval(), e.autoscale.Shrink},
		{"end idle workers", e.loops, e.autoscale.IdleInterval(), e.autoscale.EndIdle},
		{"end outdated workers", e.loops, 0, e.repair.WatchOutdated},
		{"adopt unowned workers", e.loops, 0, e.repair.WatchUnowned},
		{"sweep workers and pools", e.loops, time.Minute, e.repair.Sweep},
		{"remove passwords of deleted functions", e.loops, 0, e.images.ForgetAll},
		{"connect to the next workers", e.intake, placement.ConnectInterval, e.placement.Connect},
		{"keep pools", e.intake, 0, e.pools.Watch},
		{"introduce workers", e.intake, 0, e.introducer.Run},
		{"start workers that are waited for", e.intake, 0, e.pools.Grow},
		{"try broken pools again", e.intake, 5 * time.Minute, e.pools.Retry},
		{"renew leases", e.loops, e.executions.RenewInterval(), e.executions.RenewLeases},
		{"let waiting executions run", e.loops, 250 * time.Millisecond, e.executions.RetryWaiting},
		{"do work that is due", e.intake, 0, e.due.Run},
	}
	if e.heard != nil {
		all = append(all, loop{"remember triggers of notifications", e.intake, 0, e.heard.Index.Keep},
			loop{"remember triggers of containers", e.intake, 0, e.heard.Containers.Keep},
			loop{"hear notifications", e.intake, 0, e.heard.Feed.Run})
	}
	if e.cfg.Publisher != nil {
		all = append(all, loop{"publish notifications", e.loops, publishInterval, e.publish})
	}
	if e.cfg.Objects != nil {
		all = append(all, loop{"check objects in Swift", e.loops, e.cfg.Objects.Interval, e.checkObjects})
	}
	if !e.cfg.Broker.Durable() {
		all = append(all, loop{"wake all executions", e.intake, 0, e.executions.PublishAll})
	}
	return all
}

// publishInterval is the pause between two reads of the outbox.
const publishInterval = 500 * time.Millisecond

// publish sends the notifications of the outbox while this engine owns their shard.
func (e *Engine) publish(ctx context.Context) {
	if e.shards.Owns(notify.OwnerID) {
		e.cfg.Publisher.Publish(ctx)
	}
}

// Run works until ctx ends, then stops taking work, lets what runs end and returns.
func (e *Engine) Run(ctx context.Context) error {
	stopIntake := context.AfterFunc(ctx, e.intake.Stop)
	defer stopIntake()
	for _, l := range e.allLoops() {
		l.group.Every(l.name, l.interval, l.run)
	}
	// A request for a worker must not be refused because the workers that there are were not shown
	// yet.
	select {
	case <-e.fleet.Filled():
	case <-ctx.Done():
	}
	stops, err := e.serve(ctx)
	if err == nil {
		e.intake.Go("own shards", e.shards.Run)
		select {
		case <-e.shards.Standing(): // its part of the shards is on its way
			e.once.Do(func() { close(e.ready) })
		case <-ctx.Done():
		}
		<-ctx.Done()
	}
	e.stop(stops)
	return err
}

// stop ends the engine from the outside in. The loops go on while executions under way end: their
// leases must not run out meanwhile, and they may need workers.
func (e *Engine) stop(stops []func()) {
	for _, stop := range stops {
		stop() // waits for the messages and requests in hand
	}
	wait := func(g *background.Group) { _ = g.Wait(context.Background()) } // without a deadline there is no error
	e.intake.Stop()
	wait(e.intake)
	e.dispatch.Close()
	e.preparation.Stop()
	e.fleet.Stop()
	wait(e.undo)
	e.loops.Stop()
	wait(e.loops)
	e.background.Stop()
	e.events.Close()
}

const (
	poolParallel     = 64
	runtimesParallel = 4
	imagesParallel   = 1024
)

// endpoint is one way in which the engine is reached through the broker.
type endpoint struct {
	name string
	open func() (stop func(), err error)
}

// serve makes the engine reachable through the broker; the stops it returns are to be called even
// when it fails.
func (e *Engine) serve(ctx context.Context) (stops []func(), err error) {
	for _, at := range e.endpoints(ctx) {
		stop, err := at.open()
		if err != nil {
			return stops, fmt.Errorf("%s: %w", at.name, err)
		}
		stops = append(stops, stop)
	}
	return stops, nil
}

func (e *Engine) endpoints(ctx context.Context) []endpoint {
	b := e.cfg.Broker
	all := []endpoint{
		{faas.MethodPool, func() (func(), error) { return b.Serve(ctx, faas.MethodPool, poolParallel, e.pools.Serve) }},
		{faas.TopicFunction, func() (func(), error) { return b.Subscribe(ctx, faas.TopicFunction, e.functionChanged) }},
		{faas.TopicWorkAdded, func() (func(), error) { return b.Subscribe(ctx, faas.TopicWorkAdded, e.workAdded) }},
		{faas.TopicTrigger, func() (func(), error) { return b.Subscribe(ctx, faas.TopicTrigger, e.triggerChanged) }},
		{faas.TopicCancelled, func() (func(), error) { return b.Subscribe(ctx, faas.TopicCancelled, e.callCancelled) }},
		{faas.QueueRuntimes, func() (func(), error) {
			return b.Consume(ctx, faas.QueueRuntimes, runtimesParallel, e.pools.Reconcile)
		}},
	}
	if e.images.Available() {
		all = append(all, endpoint{faas.MethodRunImage, func() (func(), error) {
			return b.Serve(ctx, faas.MethodRunImage, imagesParallel, e.images.Serve)
		}})
	}
	for lane := range faas.ExecutionLanes {
		queue := faas.ExecutionsQueueOf(lane)
		all = append(all, endpoint{queue, func() (func(), error) {
			return b.Consume(ctx, queue, e.executions.Depth(), e.executions.Handler(lane))
		}})
	}
	return all
}
