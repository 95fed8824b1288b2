// Package clusteraccess reaches the Kubernetes of a cluster that Magnum made, told nothing but the
// cluster's name: it finds the address, and has Magnum sign a client certificate, whose key never
// leaves this process. It renews the certificate before it ends and follows a change of the address
// or of the authority, and requests under way do not notice.
//
// Kubernetes' client gets a rest.Config with a transport of this package's, which sends each
// request over the current link. A link is an address, an authority and a certificate, with the
// connections that were made by them. It is never changed, only replaced.
package clusteraccess

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/client-go/rest"

	"github.com/openstack-faas/faas/pkg/magnum"
)

// Config says which cluster, and as whom. All but the last three are required.
type Config struct {
	Cluster string         // name or UUID, in the project of the client's credentials
	Magnum  *magnum.Client //
	User    string         // common name of the certificate: Kubernetes' user
	Group   string         // organisation of the certificate: a group of that user

	Check time.Duration // how often Magnum is asked whether all is as it was. 0: a minute
	Renew time.Duration // a certificate is renewed after this time at the latest. 0: a day
	Log   *slog.Logger  // nil: slog.Default
}

// Access is the way to one cluster. It is safe for concurrent use.
type Access struct {
	cfg  Config
	log  *slog.Logger
	link atomic.Pointer[link]
	wake chan struct{} // one more look at Magnum is wanted now
	stop context.CancelFunc
	wait sync.WaitGroup

	mu      sync.Mutex // one look at Magnum at a time
	looked  time.Time
	problem atomic.Pointer[error] // the last look's; it points at nil if all was well
	renewed atomic.Int64          // certificates that replaced another
}

const (
	// leastPause is the shortest time between two looks at Magnum, whatever goes wrong.
	leastPause = time.Second
	// lookTimeout bounds one look at Magnum: four requests at most.
	lookTimeout = time.Minute
)

// Open finds the cluster and has a certificate signed. While the cluster is still being made, or
// Magnum does not answer, it waits, at most until ctx ends; any other trouble is an error at once.
func Open(ctx context.Context, cfg Config) (*Access, error) {
	cfg.Check, cfg.Renew = cmp.Or(cfg.Check, time.Minute), cmp.Or(cfg.Renew, 24*time.Hour)
	cfg.Log = cmp.Or(cfg.Log, slog.Default())
	a := &Access{cfg: cfg, log: cfg.Log.With("cluster", cfg.Cluster), wake: make(chan struct{}, 1)}
	pause := leastPause
	for {
		err := a.look(ctx)
		if err == nil {
			break
		}
		if !temporary(err) {
			return nil, fmt.Errorf("[kubernetes] magnum_cluster: %w", err)
		}
		if err := sleep(ctx, pause, nil); err != nil {
			return nil, err
		}
		pause = min(2*pause, 10*time.Second)
	}
	keeping, stop := context.WithCancel(context.Background())
	a.stop = stop
	a.wait.Go(func() { a.keep(keeping) })
	return a, nil
}

// Close ends the looking after. Requests may still be sent.
func (a *Access) Close() {
	a.stop()
	a.wait.Wait()
	a.link.Load().transport.CloseIdleConnections()
}

// REST returns the configuration of a client of the cluster.
func (a *Access) REST() *rest.Config {
	// The address is only the first one: the transport puts the current one in its place.
	return &rest.Config{Host: a.link.Load().address.String(), Transport: a}
}

// Problem says what keeps the access from being renewed, or that the cluster is going; nil if all
// is well.
func (a *Access) Problem() error { return *a.problem.Load() }

// Renewals counts the certificates that have replaced another.
func (a *Access) Renewals() int { return int(a.renewed.Load()) }

// Ends returns when the current certificate ends.
func (a *Access) Ends() time.Time { return a.link.Load().ends }

// keep looks at Magnum now and then, when a certificate is due, and when a request has failed in a
// way that speaks for it.
func (a *Access) keep(ctx context.Context) {
	failures := 0
	for {
		pause := min(a.cfg.Check, time.Until(a.link.Load().renew))
		if failures > 0 { // soon again, but ever more slowly
			pause = min(a.cfg.Check, leastPause<<min(failures, 6))
		}
		if sleep(ctx, max(pause, leastPause), a.wake) != nil {
			return
		}
		if a.look(ctx) != nil {
			failures++
		} else {
			failures = 0
		}
	}
}

// look asks Magnum about the cluster and replaces the link if another is needed. Its outcome is the
// problem.
func (a *Access) look(ctx context.Context) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	bounded, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	err := a.tryLook(bounded)
	a.looked = time.Now()
	if err != nil && ctx.Err() != nil {
		return err // who asked has gone: it says nothing about the cluster
	}
	a.tell(err)
	a.problem.Store(&err)
	return err
}

// tell logs what has changed since the last look.
func (a *Access) tell(err error) {
	var before error
	if p := a.problem.Load(); p != nil {
		before = *p
	}
	switch {
	case err == nil && before != nil:
		a.log.Info("the cluster is well again, by Magnum")
	case err != nil && (before == nil || before.Error() != err.Error()):
		if l := a.link.Load(); l != nil {
			a.log.Warn("trouble with the cluster; it is used as before meanwhile", "error", err,
				"certificate_ends", l.ends)
		} else {
			a.log.Warn("the cluster cannot be used yet", "error", err)
		}
	}
}

func (a *Access) tryLook(ctx context.Context) error {
	cluster, err := a.cfg.Magnum.Cluster(ctx, a.cfg.Cluster)
	if err != nil {
		return err
	}
	if err := cluster.Usable(); err != nil {
		return &stateError{cluster.Status, err}
	}
	authority, err := a.cfg.Magnum.CA(ctx, cluster.UUID)
	if err != nil {
		return err
	}
	old := a.link.Load()
	if old != nil && old.same(cluster, authority) && time.Now().Before(old.renew) {
		return nil
	}
	next, err := a.connect(ctx, cluster, authority)
	if err != nil {
		return err
	}
	a.link.Store(next)
	if old == nil {
		a.log.Info("Magnum signed a certificate", "address", next.address.Host, "user", a.cfg.User, "ends", next.ends)
		return nil
	}
	a.renewed.Add(1)
	a.log.Info("Magnum signed another certificate", "address", next.address.Host, "ends", next.ends,
		"address_changed", old.address.String() != next.address.String(),
		"authority_changed", old.authority != authority)
	// Watches that are under way go on over their connection, which is closed when it is idle.
	old.transport.CloseIdleConnections()
	return nil
}

// connect has a certificate signed and returns the link that uses it.
func (a *Access) connect(ctx context.Context, cluster magnum.Cluster, authority string) (*link, error) {
	request, key, err := newRequest(a.cfg.User, a.cfg.Group)
	if err != nil {
		return nil, err
	}
	signed, err := a.cfg.Magnum.Sign(ctx, cluster.UUID, request)
	if err != nil {
		return nil, err
	}
	next, err := newLink(cluster, authority, signed, key)
	if err != nil {
		return nil, err
	}
	// Two thirds of its life, and each process at a time of its own.
	after := min(2*time.Until(next.ends)/3, a.cfg.Renew)
	next.renew = time.Now().Add(after - time.Duration(rand.Int64N(int64(after)/10+1)))
	return next, nil
}

// stateError is that of a cluster that Magnum knows and that cannot be used.
type stateError struct {
	status string
	error
}

func (e *stateError) Unwrap() error { return e.error }

// temporary reports whether the trouble may end without anybody doing anything.
func temporary(err error) bool {
	var state *stateError
	if errors.As(err, &state) {
		return state.status == "CREATE_IN_PROGRESS"
	}
	var answered *magnum.Error
	if errors.As(err, &answered) {
		// Of what is not an answer of Magnum's, Keystone's absence is the likeliest.
		return answered.Status == 0 || errors.Is(err, magnum.ErrUnavailable)
	}
	return false
}

// sleep waits for the time, for wake, or for ctx, whose end is its error.
func sleep(ctx context.Context, d time.Duration, wake <-chan struct{}) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
	case <-wake:
	}
	return nil
}
