package kubernetes

import (
	"context"
	"maps"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/openstack-faas/faas/internal/faas"
)

// The kubelet refuses a memory limit below what the container uses, and with it the other limits of
// the same request. A function that quickly takes more memory than it may would so keep the pool's
// ceiling for its CPU too. So the two limits are set separately when they do not come into force
// together.

// resizeTimeout is how long to wait for the kubelet, which takes 0.3 to 0.5 s on a node with little
// to do.
const resizeTimeout = 5 * time.Second

// The pauses between attempts to set a memory limit that the kubelet refuses.
const (
	firstResizePause = 10 * time.Second
	maxResizePause   = 2 * time.Minute
)

// seeThrough waits until the limits that were set are in force. If the kubelet does not apply them
// in time, it sets the CPU limit alone before it returns, and goes on trying the memory limit in
// the background as long as the worker lives.
func (o *Orchestrator) seeThrough(ctx context.Context, workerID string, limits corev1.ResourceList) error {
	done, err := o.awaitInForce(ctx, workerID, limits)
	if done || err != nil {
		return err
	}
	if _, bounded := limits[corev1.ResourceMemory]; !bounded {
		o.log.Warn("a worker's own cpu limit is not in force yet; the kubelet goes on trying", "worker", workerID)
		return nil
	}
	cpu := maps.Clone(limits)
	cpu[corev1.ResourceMemory] = *resource.NewQuantity(o.cfg.Ceiling.Memory, resource.BinarySI)
	if err := o.setLimits(ctx, workerID, cpu); err != nil {
		return refused("Limits of worker "+workerID, err)
	}
	if done, err = o.awaitInForce(ctx, workerID, cpu); err != nil {
		return err
	}
	if !done {
		o.log.Warn("a worker's own cpu limit is not in force yet; the kubelet goes on trying", "worker", workerID)
	}
	o.wait.Go(func() { o.retryMemory(workerID, limits) })
	return nil
}

// awaitInForce waits up to resizeTimeout and reports whether the limits are in force.
func (o *Orchestrator) awaitInForce(ctx context.Context, workerID string, limits corev1.ResourceList) (bool, error) {
	waiting, cancel := context.WithTimeout(ctx, resizeTimeout)
	defer cancel()
	err := o.await(waiting, workerID, func(w worker) bool { return inForce(w.pod, limits) })
	if faas.KindOf(err) == faas.Unavailable && waiting.Err() != nil && ctx.Err() == nil {
		return false, nil
	}
	return err == nil, err
}

// retryMemory sets the limits again and again until they are in force, the worker is gone, or the
// orchestrator is closed.
func (o *Orchestrator) retryMemory(workerID string, limits corev1.ResourceList) {
	pause := firstResizePause
	for try := 0; ; try++ {
		now := varied(limits, try)
		err := o.setLimits(o.ctx, workerID, now)
		done := false
		if err == nil {
			done, err = o.awaitInForce(o.ctx, workerID, now)
		}
		if _, there := o.find(workerID); done || !there || o.ctx.Err() != nil {
			return
		}
		if try == 0 {
			o.log.Warn("a worker's own memory limit is not in force: it uses more already, and has its pool's ceiling "+
				"until it uses less; it is tried again",
				"worker", workerID, "memory", limits.Memory().Value(), "error", err)
		}
		select {
		case <-time.After(pause):
		case <-o.ctx.Done():
			return
		}
		pause = min(2*pause, maxResizePause)
	}
}

// varied returns the limits with one page of memory more at every other attempt: a kubelet ignores
// a request that changes nothing.
func varied(limits corev1.ResourceList, try int) corev1.ResourceList {
	const page = 4096
	limits = maps.Clone(limits)
	memory := limits.Memory().DeepCopy()
	memory.Add(*resource.NewQuantity(int64(try%2)*page, resource.BinarySI))
	limits[corev1.ResourceMemory] = memory
	return limits
}
