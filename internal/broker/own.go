package broker

import (
	"context"
	"time"
)

// Own implements Broker. Go serves those that wait to send on a channel in the order in which they
// came.
func (b *InProcess) Own(ctx context.Context, shard string, hold func(ctx context.Context)) (func(), error) {
	if err := b.enter(); err != nil {
		return nil, err
	}
	ctx, cancel := b.until(ctx)
	place, done := b.shard(shard), make(chan struct{})
	go func() {
		defer b.running.Done()
		defer close(done)
		for b.own(ctx, place, hold) {
			pause(ctx, b.pause)
		}
	}()
	return func() {
		cancel()
		<-done
	}, nil
}

// own waits for the shard and owns it once. It reports whether to wait in line again.
func (b *InProcess) own(ctx context.Context, place chan struct{}, hold func(ctx context.Context)) bool {
	select {
	case place <- struct{}{}:
	case <-ctx.Done():
		return false
	}
	defer func() { <-place }()
	if ctx.Err() == nil { // both may have been ready
		hold(ctx)
	}
	return ctx.Err() == nil
}

func (b *InProcess) shard(name string) chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	place := b.shards[name]
	if place == nil {
		place = make(chan struct{}, 1)
		b.shards[name] = place
	}
	return place
}

// pause waits for a while, or less when ctx ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
