package several

import (
	"context"
	"errors"
	"sync"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/orchestrator"
)

// imageCalls runs functions that are container images.
type imageCalls struct {
	*clusters

	// What is being started or run, by execution or worker id; the lock of clusters guards it.
	running map[string]*member
}

// RunImage implements orchestrator.Images in the cluster with the fewest workers for its weight.
// When that is lost, so is the container.
func (i *imageCalls) RunImage(ctx context.Context, call orchestrator.ImageCall) (faas.Outcome, error) {
	m, images, done, err := i.choose(call.ExecutionID)
	if err != nil {
		return faas.Outcome{}, err
	}
	defer done()
	type result struct {
		outcome faas.Outcome
		err     error
	}
	life, cancel := context.WithCancel(ctx)
	ended := make(chan result, 1)
	i.wait.Go(func() {
		outcome, err := images.RunImage(life, call)
		ended <- result{outcome, err}
	})
	defer cancel() // the container of a lost cluster ends if it is still there when that is back
	reason := "the service stopped"
	select {
	case r := <-ended:
		return r.outcome, r.err
	case <-i.ctx.Done():
	case <-m.left:
		reason = "its cluster " + m.Name + " does not answer"
	}
	return faas.Outcome{}, faas.Errorf(faas.Internal,
		"The function's container was lost: %s; the function may have run.", reason)
}

// StartServer implements orchestrator.Images in the cluster with the fewest workers for its weight.
func (i *imageCalls) StartServer(ctx context.Context, workerID string, target faas.Target) error {
	m, images, done, err := i.choose(workerID)
	if err != nil {
		return err
	}
	defer done()
	starting, cancel := i.until(ctx, m.left)
	defer cancel()
	err = images.StartServer(starting, workerID, target)
	if err == nil {
		i.await(ctx, func() bool { return i.shown[workerID].Ready })
	}
	if err != nil && ctx.Err() == nil && starting.Err() != nil && !i.closed() {
		i.removeInBackground(m.member, workerID) // it may still come up
		return faas.Errorf(faas.Unavailable, "The function's server did not come up: its cluster %s does not answer.", m.Name)
	}
	return err
}

// ForgetFunction implements orchestrator.Images.
func (i *imageCalls) ForgetFunction(ctx context.Context, functionID string) {
	var all sync.WaitGroup
	for _, m := range i.answering() {
		if images, runs := m.inner.(orchestrator.Images); runs {
			all.Go(func() { images.ForgetFunction(ctx, functionID) })
		}
	}
	all.Wait()
}

// SweepUnused implements orchestrator.Images.
func (i *imageCalls) SweepUnused(ctx context.Context) error {
	var failures []error
	for _, m := range i.answering() {
		if images, runs := m.inner.(orchestrator.Images); runs {
			failures = append(failures, images.SweepUnused(ctx))
		}
	}
	return errors.Join(failures...)
}

// chosen is a cluster as it was when it was chosen.
type chosen struct {
	*member
	left chan struct{}
}

// choose returns the cluster for one more container of no runtime; done says that it is up, or
// over.
func (i *imageCalls) choose(id string) (_ chosen, _ orchestrator.Images, done func(), _ error) {
	if i.closed() {
		return chosen{}, nil, nil, errClosed()
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	has := map[*member]int{}
	for _, w := range i.shown {
		has[w.of]++
	}
	for _, m := range i.running {
		has[m]++
	}
	var best *member
	fits := false
	for _, m := range i.members {
		takes := m.takes("")
		fits = fits || takes
		if !takes || !m.answers() {
			continue
		}
		if _, runs := m.inner.(orchestrator.Images); !runs {
			continue
		}
		if best == nil || float64(has[m])/float64(m.Weight) < float64(has[best])/float64(best.Weight) {
			best = m
		}
	}
	if best == nil {
		return chosen{}, nil, nil, errNoneForImages(fits)
	}
	i.running[id] = best
	images, _ := best.inner.(orchestrator.Images)
	return chosen{best, best.left}, images, func() {
		i.mu.Lock()
		defer i.mu.Unlock()
		delete(i.running, id)
	}, nil
}

func errNoneForImages(fits bool) error {
	if fits {
		return faas.Errorf(faas.Unavailable, "None of the clusters that run container images answers.")
	}
	return faas.Errorf(faas.Invalid, "No cluster takes functions of container images: each is reserved or has weight 0.")
}
