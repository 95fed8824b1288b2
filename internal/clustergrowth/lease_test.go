package clustergrowth

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/openstack-faas/faas/internal/kubeclient/kubeclienttest"
)

// newLeases returns a Kubernetes that refuses, as the real one does and the fake one does not, a
// Lease that has changed since it was read.
func newLeases() *fake.Clientset {
	set, version := fake.NewClientset(), 0
	set.PrependReactor("*", "leases", func(action clienttesting.Action) (bool, runtime.Object, error) {
		write, is := action.(interface{ GetObject() runtime.Object })
		if !is {
			return false, nil, nil
		}
		to := write.GetObject().(*coordinationv1.Lease)
		has, err := set.Tracker().Get(action.GetResource(), action.GetNamespace(), to.Name)
		if err == nil && has.(*coordinationv1.Lease).ResourceVersion != to.ResourceVersion {
			return true, nil, apierrors.NewConflict(action.GetResource().GroupResource(), to.Name, nil)
		}
		version++
		to.ResourceVersion = strconv.Itoa(version)
		return false, nil, nil // it is written as it is now
	})
	return set
}

func newLease(set *fake.Clientset, me string) *lease {
	return &lease{
		leases: kubeclienttest.Of(set).Leases("faas"), name: LeaseName, me: me, log: slog.New(slog.DiscardHandler),
	}
}

func leaseOf(t *testing.T, set *fake.Clientset) coordinationv1.LeaseSpec {
	t.Helper()
	has, err := set.CoordinationV1().Leases("faas").Get(t.Context(), LeaseName, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return has.Spec
}

// TestLeaseIsOfOne: of three that want it one has it, and the next as soon as that has let go.
func TestLeaseIsOfOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		set := newLeases()
		var holders atomic.Int32
		var all sync.WaitGroup
		held, end := make(chan string), map[string]context.CancelFunc{}
		for _, me := range []string{"a", "b", "c"} {
			ctx, cancel := context.WithCancel(t.Context())
			end[me] = cancel
			all.Go(func() {
				newLease(set, me).hold(ctx, func(ctx context.Context) {
					if holders.Add(1) > 1 {
						t.Errorf("%s has the Lease, and another too", me)
					}
					held <- me
					<-ctx.Done()
					time.Sleep(time.Second) // the step under way
					holders.Add(-1)
				})
			})
		}
		for n := range int32(3) {
			since := time.Now()
			me := <-held
			if took := time.Since(since); took > leasePause+time.Second {
				t.Errorf("%s waited for %v", me, took)
			}
			time.Sleep(time.Minute) // it renews it, and nobody else gets it
			spec := leaseOf(t, set)
			if value(spec.HolderIdentity) != me || value(spec.LeaseTransitions) != n ||
				time.Since(spec.RenewTime.Time) > leasePause {
				t.Errorf("%s has the Lease, and it says %+v", me, spec)
			}
			end[me]()
		}
		all.Wait()
		if holder := value(leaseOf(t, set).HolderIdentity); holder != "" {
			t.Errorf("in the end %s has the Lease", holder)
		}
	})
}

// TestLeaseOfTheDead: who renews it no more has it until it ends, by the clock of the others.
func TestLeaseOfTheDead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		set := newLeases()
		if !newLease(set, "dead").try(t.Context()) {
			t.Fatal("nobody has the Lease, and it cannot be had")
		}
		next := newLease(set, "next")
		begun := time.Now()
		for !next.try(t.Context()) {
			time.Sleep(time.Second)
		}
		if took := time.Since(begun); took != leaseTime {
			t.Errorf("it is taken after %v, want %v", took, leaseTime)
		}
		if newLease(set, "dead").try(t.Context()) {
			t.Error("the dead has it, too")
		}
	})
}

// TestLeaseLost: what is done for as long as the Lease is held ends before another can have it.
func TestLeaseLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		set := newLeases()
		set.PrependReactor("update", "leases", func(clienttesting.Action) (bool, runtime.Object, error) {
			return true, nil, errors.New("connection refused")
		})
		begun := time.Now()
		newLease(set, "a").hold(t.Context(), func(ctx context.Context) { <-ctx.Done() })
		if took := time.Since(begun); took < renewTime-2*leasePause || took > renewTime {
			t.Errorf("it is taken for lost after %v", took)
		}
		if holder := value(leaseOf(t, set).HolderIdentity); holder != "a" {
			t.Errorf("it was let go by %q", holder)
		}
	})
}

// TestLeaseTaken: a process that was stopped for long finds that another has it.
func TestLeaseTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		set := newLeases()
		var holding sync.WaitGroup
		begun := make(chan struct{})
		holding.Go(func() {
			newLease(set, "a").hold(t.Context(), func(ctx context.Context) { close(begun); <-ctx.Done() })
		})
		<-begun
		other := newLease(set, "b")
		has, err := other.leases.Get(t.Context(), LeaseName, metav1.GetOptions{})
		if err == nil {
			has.Spec = other.next(has.Spec)
			_, err = other.leases.Update(t.Context(), has, metav1.UpdateOptions{})
		}
		if err != nil {
			t.Fatal(err)
		}
		since := time.Now()
		holding.Wait()
		if took := time.Since(since); took > leasePause {
			t.Errorf("it went on for %v", took)
		}
		if holder := value(leaseOf(t, set).HolderIdentity); holder != "b" {
			t.Errorf("%q has the Lease", holder)
		}
	})
}
