package kubernetes

import (
	"context"
	"maps"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/openstack-faas/faas/internal/faas"
)

// A kubelet refuses new limits, cpu's too, as long as the container uses more memory than it shall. A function that is quick to be
// greedy would keep the pool's ceiling by that.

// resizePatience is how long the kubelet is waited for. It takes 0.3 to 0.5 s where there is little else to do.
const resizePatience = 5 * time.Second

// The pauses between tries to set a memory limit that the kubelet refuses.
const (
	firstResizePause = 10 * time.Second
	maxResizePause   = 2 * time.Minute
)

// seeThrough waits until the limits that were set are in force. Those that the kubelet does not take at once it sets apart: cpu's
// before it returns, the memory's from then on as long as the worker lives.
func (o *Orchestrator) seeThrough(ctx context.Context, workerID string, limits corev1.ResourceList) error {
	done, err := o.settles(ctx, workerID, limits)
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
	if done, err = o.settles(ctx, workerID, cpu); err != nil {
		return err
	}
	if !done {
		o.log.Warn("a worker's own cpu limit is not in force yet; the kubelet goes on trying", "worker", workerID)
	}
	o.wait.Go(func() { o.pressMemory(workerID, limits) })
	return nil
}

// settles waits a while and reports whether the kubelet says that the limits are in force.
func (o *Orchestrator) settles(ctx context.Context, workerID string, limits corev1.ResourceList) (bool, error) {
	waiting, cancel := context.WithTimeout(ctx, resizePatience)
	defer cancel()
	err := o.await(waiting, workerID, func(w worker) bool { return inForce(w.pod, limits) })
	if faas.KindOf(err) == faas.Unavailable && waiting.Err() != nil && ctx.Err() == nil {
		return false, nil
	}
	return err == nil, err
}

// pressMemory sets the limits until they are in force, or the worker is gone, or the orchestrator ends.
func (o *Orchestrator) pressMemory(workerID string, limits corev1.ResourceList) {
	pause := firstResizePause
	for try := 0; ; try++ {
		now := nudged(limits, try)
		err := o.setLimits(o.ctx, workerID, now)
		done := false
		if err == nil {
			done, err = o.settles(o.ctx, workerID, now)
		}
		if _, there := o.find(workerID); done || !there || o.ctx.Err() != nil {
			return
		}
		if try == 0 {
			o.log.Warn("a worker's own memory limit is not in force: it uses more already, and has its pool's ceiling until it uses less; it is tried again",
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

// nudged gives the limits with a page more memory at every other try: what changes nothing no kubelet looks at.
func nudged(limits corev1.ResourceList, try int) corev1.ResourceList {
	const page = 4096
	limits = maps.Clone(limits)
	memory := limits.Memory().DeepCopy()
	memory.Add(*resource.NewQuantity(int64(try%2)*page, resource.BinarySI))
	limits[corev1.ResourceMemory] = memory
	return limits
}
