package clustergrowth

import (
	"context"
	"log/slog"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/openstack-faas/faas/internal/kubeclient"
)

const (
	// leaseTime is how long a Lease stands that its holder does not renew.
	leaseTime = 15 * time.Second
	// renewTime is how long its holder tries to renew it before it takes it for lost. It is shorter
	// than leaseTime: at no time do two think that they hold it.
	renewTime = 10 * time.Second
	// leasePause is the time between two requests for it, or two renewals.
	leasePause = 2 * time.Second
)

// lease is a Lease of Kubernetes, which one process holds at a time. It writes and reads what
// client-go's leader election does, which processes of the release before use, and which cannot be
// linked without the clientset of all API groups.
type lease struct {
	leases   kubeclient.Leases
	name, me string
	log      *slog.Logger

	// What was last read, and when by the clock of this process, which is the only one that counts.
	seen   coordinationv1.LeaseSpec
	seenAt time.Time
}

// hold waits until this process has the Lease, calls do, and returns when do has. do's context ends
// with ctx and when the Lease is lost. At the end the Lease is free for others, unless it was lost.
func (l *lease) hold(ctx context.Context, do func(ctx context.Context)) {
	for !l.try(ctx) {
		if pause(ctx, leasePause) != nil {
			return
		}
	}
	l.log.Info("this process has the Lease", "lease", l.name)
	holding, stop := context.WithCancel(ctx)
	defer stop()
	done := make(chan struct{})
	go func() {
		defer close(done)
		do(holding)
	}()
	kept := l.keep(holding)
	stop()
	<-done
	if !kept {
		l.log.Warn("this process has lost the Lease", "lease", l.name)
		return
	}
	l.release(context.WithoutCancel(ctx))
}

// keep renews the Lease until ctx ends, or it is lost: then it returns false.
func (l *lease) keep(ctx context.Context) bool {
	renewed := time.Now()
	for pause(ctx, leasePause) == nil {
		begun := time.Now()
		trying, cancel := context.WithDeadline(ctx, renewed.Add(renewTime))
		has := l.try(trying)
		cancel()
		switch {
		case has:
			renewed = begun
		case ctx.Err() != nil:
		case l.others() || time.Since(renewed) >= renewTime-leasePause: // no other attempt would end in time
			return false
		}
	}
	return true
}

// try takes or renews the Lease, and reports whether this process has it now.
func (l *lease) try(ctx context.Context) bool {
	has, err := l.leases.Get(ctx, l.name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		made := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: l.name}, Spec: l.next(coordinationv1.LeaseSpec{})}
		made, err = l.leases.Create(ctx, made, metav1.CreateOptions{})
		return l.wrote(ctx, made, err)
	}
	if err != nil {
		l.complain(ctx, err)
		return false
	}
	l.see(has.Spec)
	if l.others() {
		return false
	}
	has.Spec = l.next(has.Spec)
	has, err = l.leases.Update(ctx, has, metav1.UpdateOptions{}) // a conflict if another has written it meanwhile
	return l.wrote(ctx, has, err)
}

// next returns what is to be written so that this process has the Lease after before.
func (l *lease) next(before coordinationv1.LeaseSpec) coordinationv1.LeaseSpec {
	now, seconds := metav1.NowMicro(), int32(leaseTime/time.Second)
	next := coordinationv1.LeaseSpec{
		HolderIdentity: &l.me, LeaseDurationSeconds: &seconds, RenewTime: &now,
		AcquireTime: before.AcquireTime, LeaseTransitions: before.LeaseTransitions,
	}
	if value(before.HolderIdentity) != l.me {
		times := value(before.LeaseTransitions)
		if before.HolderIdentity != nil {
			times++
		}
		next.AcquireTime, next.LeaseTransitions = &now, &times
	}
	return next
}

func (l *lease) wrote(ctx context.Context, written *coordinationv1.Lease, err error) bool {
	switch {
	case err == nil:
		l.see(written.Spec)
		return true
	case !apierrors.IsConflict(err) && !apierrors.IsAlreadyExists(err):
		l.complain(ctx, err)
	}
	return false
}

// see notes what was read, and when it was that for the first time.
func (l *lease) see(spec coordinationv1.LeaseSpec) {
	if l.seenAt.IsZero() || value(spec.HolderIdentity) != value(l.seen.HolderIdentity) ||
		!spec.RenewTime.Equal(l.seen.RenewTime) {
		l.seen, l.seenAt = spec, time.Now()
	}
}

// others reports whether another process has the Lease, by what was read last.
func (l *lease) others() bool {
	holder := value(l.seen.HolderIdentity)
	stands := time.Duration(value(l.seen.LeaseDurationSeconds)) * time.Second
	return holder != "" && holder != l.me && time.Since(l.seenAt) < stands
}

// release lets the next process have the Lease at once.
func (l *lease) release(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, renewTime)
	defer cancel()
	has, err := l.leases.Get(ctx, l.name, metav1.GetOptions{})
	if err != nil || value(has.Spec.HolderIdentity) != l.me {
		return
	}
	now, nobody, seconds := metav1.NowMicro(), "", int32(1)
	has.Spec.HolderIdentity, has.Spec.LeaseDurationSeconds, has.Spec.RenewTime = &nobody, &seconds, &now
	if _, err := l.leases.Update(ctx, has, metav1.UpdateOptions{}); err != nil {
		l.complain(ctx, err)
	}
}

func (l *lease) complain(ctx context.Context, err error) {
	if ctx.Err() == nil {
		l.log.Warn("the Lease cannot be read or written", "lease", l.name, "error", err)
	}
}

// pause waits for so long; its error is that ctx has ended before.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// value returns what p points at, the zero value for nil.
func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}
