package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/openstack-faas/faas/internal/faas"
)

// createTimeout is how long the API server may be away when a pod is to be made.
const createTimeout = 15 * time.Second

// imagePods makes and ends the pods of functions that are images.
type imagePods struct{ *cluster }

// create makes a pod whose name nobody else uses. It tries again while the API server is away,
// which makes at most one pod, because all attempts use one name.
//
// doubted reports that the pod was made but that an attempt is unaccounted for, which may still
// arrive and would make the pod again once its name is free: see retire. An error of kind Internal
// says that it is unknown whether the pod was made, and so whether its program ran; what there is
// of it is deleted. Any other error says that nothing was made.
func (p *imagePods) create(ctx context.Context, pod *corev1.Pod) (made *corev1.Pod, doubted bool, err error) {
	trying, cancel := context.WithTimeout(ctx, createTimeout)
	defer cancel()
	pods := p.pods()
	err = retry(trying, func(ctx context.Context) error {
		made, err = pods.Create(ctx, pod, metav1.CreateOptions{})
		switch {
		case apierrors.IsAlreadyExists(err): // by an attempt whose answer was lost
			doubted = true
			made, err = pods.Get(ctx, pod.Name, metav1.GetOptions{})
		case err != nil && !refusesCreation(err):
			doubted = true
		}
		return err
	})
	switch {
	case err == nil:
		return made, doubted, nil
	case !doubted:
		return nil, false, refused("The function's container cannot be made", err)
	}
	// The last attempt may have been the one that made it, or was refused for another reason.
	looking, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	if made, missing := pods.Get(looking, pod.Name, metav1.GetOptions{}); missing == nil {
		return made, true, nil
	}
	p.deleteByName(pod.Name)
	return nil, true, faas.Errorf(faas.Internal,
		"Kubernetes did not say whether it runs the function's container; the function may have run: %s",
		clip(err.Error(), maxReason)).WithCause(err)
}

// refusesCreation reports whether the error of a request to create an object proves that the object
// was not made. A status of 500 and more does not: the API server may have lost its answer from
// etcd (500), may still be at work (504), or a proxy before it speaks for it (502, 503). Of what is
// no answer only a refused connection proves it.
func refusesCreation(err error) bool {
	var answer apierrors.APIStatus
	if errors.As(err, &answer) {
		code := answer.Status().Code
		return code >= http.StatusBadRequest && code < http.StatusInternalServerError
	}
	return errors.Is(err, syscall.ECONNREFUSED)
}

// deleteByName deletes a pod that may be there, in the background. What that leaves is swept.
func (p *imagePods) deleteByName(name string) {
	p.wait.Go(func() {
		_ = retry(p.ctx, func(ctx context.Context) error {
			err := p.pods().Delete(ctx, name, metav1.DeleteOptions{
				GracePeriodSeconds: pointer(int64(0)),
			})
			if apierrors.IsNotFound(err) {
				return nil
			}
			return err
		})
	})
}

// retire ends the pod of a call that is over and leaves its name taken, so that an attempt to
// create it which is still on its way does not run the function a second time: the kernel goes on
// delivering what a broken connection had not sent, for a minute or two. The sweep deletes the pod
// after endGrace.
func (p *imagePods) retire(pod *corev1.Pod) {
	p.wait.Go(func() {
		err := retry(p.ctx, func(ctx context.Context) error { return p.stopPod(ctx, pod) })
		if err != nil && !p.closed() {
			p.log.Warn("a container whose call is over cannot be stopped; it runs until its pod's deadline",
				"pod", pod.Name, "error", err)
		}
	})
}

// stopPod has the kubelet end the pod's containers, by a deadline that is over, and keeps the pod.
func (p *imagePods) stopPod(ctx context.Context, pod *corev1.Pod) error {
	patch := fmt.Sprintf(`{"metadata":{"uid":%q},"spec":{"activeDeadlineSeconds":1}}`, pod.UID)
	pods := p.pods()
	_, err := pods.Patch(ctx, pod.Name, types.MergePatchType, []byte(patch), metav1.PatchOptions{})
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) { // gone, and perhaps another has its name
		return nil
	}
	return err
}
