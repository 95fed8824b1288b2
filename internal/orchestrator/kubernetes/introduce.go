package kubernetes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/workertls"
)

// isIntroduced reports whether an engine has introduced the worker as it runs now, or none has to.
// The restarts of all containers count, as they do elsewhere; only the agent's matter.
func isIntroduced(pod *corev1.Pod) bool {
	said, asked := pod.Annotations[annotationIntroduced]
	_, claimed := pod.Labels[labelFunction]
	return !asked || claimed || said == restartsText(pod)
}

func restartsText(pod *corev1.Pod) string {
	restarts, _ := restartsOf(pod)
	return strconv.Itoa(restarts)
}

// introducer has workers be ready that an engine has introduced.
type introducer struct {
	*cluster
	state    *state
	removals *removals
}

// Introduce implements orchestrator.Voucher. Which start of the agent is introduced is known before
// it is asked: one that starts meanwhile counts as another, and is introduced again.
func (i *introducer) Introduce(
	ctx context.Context, workerID string, introduce func(ctx context.Context) error,
) error {
	w, there := i.state.find(workerID)
	switch {
	case !there:
		return notThere(workerID)
	case !w.Generic() || isIntroduced(w.pod):
		return nil
	}
	err := introduce(ctx)
	tolerated := w.TLS == faas.TLSAccepted && errors.Is(err, workertls.ErrNoVouching)
	if err != nil && !tolerated {
		return err
	}
	i.state.readyHere(w)
	if tolerated && !errors.Is(err, workertls.ErrMayNotVouch) {
		return err // others may be luckier, and it is to be tried again
	}
	return i.recordIntroduced(ctx, w)
}

// readyHere has the worker be ready here, before Kubernetes has recorded that it was introduced,
// and while it cannot.
func (s *state) readyHere(w worker) {
	s.mu.Lock()
	known := s.workers[w.ID]
	if known == nil || known.pod.UID != w.pod.UID {
		s.mu.Unlock()
		return
	}
	known.introduced = restartsText(w.pod)
	pod := known.pod
	s.mu.Unlock()
	s.observe(pod)
}

// recordIntroduced annotates the pod, for all engines, those among them that start later. Several
// may do so, and write the same.
func (i *introducer) recordIntroduced(ctx context.Context, w worker) error {
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"uid": w.pod.UID, "annotations": map[string]string{annotationIntroduced: restartsText(w.pod)},
	}})
	if err != nil {
		return fmt.Errorf("encode that a worker was introduced: %w", err)
	}
	ctx, release := i.within(ctx)
	defer release()
	var pod *corev1.Pod
	err = retry(ctx, func(ctx context.Context) (err error) {
		pod, err = i.pods().Patch(ctx, w.ID, types.MergePatchType, patch, metav1.PatchOptions{})
		return err
	})
	switch {
	case apierrors.IsNotFound(err) || apierrors.IsConflict(err): // the uid is another's
		return notThere(w.ID)
	case err != nil:
		return refused("That worker "+w.ID+" was introduced cannot be recorded", err)
	}
	i.removals.seen(pod)
	return nil
}
