package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	authv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/orchestrator"
	"github.com/openstack-faas/faas/internal/podlayout"
	"github.com/openstack-faas/faas/internal/workertls"
)

var _ orchestrator.Voucher = (*Orchestrator)(nil)

// identityLife is for how long, in seconds, the token is good that an agent shows for its pod. Most
// show it once, when they have just started; the kubelet renews it sooner.
const identityLife = 24 * 60 * 60

// annotations returns those of a new worker.
func (c Config) annotations() map[string]string {
	a := map[string]string{annotationSlots: strconv.Itoa(c.Slots)}
	if c.TLS != faas.TLSNever {
		a[annotationTLS] = string(c.TLS)
	}
	return a
}

// withIdentity adds the volume of what Kubernetes knows the pod by. The token is good for our
// engines alone: the pod has none for Kubernetes' API.
func (c Config) withIdentity(volumes []corev1.Volume) []corev1.Volume {
	if c.TLS == faas.TLSNever {
		return volumes
	}
	return append(volumes, corev1.Volume{Name: identityVolume, VolumeSource: corev1.VolumeSource{
		Projected: &corev1.ProjectedVolumeSource{Sources: []corev1.VolumeProjection{{
			ServiceAccountToken: &corev1.ServiceAccountTokenProjection{
				Audience: podlayout.IdentityAudience, ExpirationSeconds: pointer(int64(identityLife)),
				Path: podlayout.IdentityFile,
			},
		}}},
	}})
}

func (c Config) identityMounts() []corev1.VolumeMount {
	if c.TLS == faas.TLSNever {
		return nil
	}
	return []corev1.VolumeMount{{Name: identityVolume, MountPath: podlayout.IdentityDir, ReadOnly: true}}
}

// maxToken bounds what Kubernetes is asked to review, in bytes. Its tokens have some 1,100.
const maxToken = 16 << 10

// What Kubernetes says of the pod that a token is bound to.
const (
	tokenPodName = "authentication.kubernetes.io/pod-name"
	tokenPodUID  = "authentication.kubernetes.io/pod-uid"
)

// voucher has Kubernetes say which pod an agent is in.
type voucher struct {
	*cluster
	state *state

	vouchProblem atomic.Pointer[problem] // why workers cannot be known; nil: nothing
}

// Vouch implements orchestrator.Voucher: Kubernetes says whose the token is that an agent has
// shown.
func (v *voucher) Vouch(ctx context.Context, workerID, shown string) error {
	w, there := v.state.find(workerID)
	if !there {
		return notThere(workerID)
	}
	if len(shown) > maxToken {
		return fmt.Errorf("what was shown for worker %s is no token: it has %d bytes", workerID, len(shown))
	}
	ctx, release := v.within(ctx)
	defer release()
	review, err := v.client.TokenReviews().Create(ctx, &authv1.TokenReview{
		Spec: authv1.TokenReviewSpec{Token: shown, Audiences: []string{podlayout.IdentityAudience}},
	}, metav1.CreateOptions{})
	switch {
	case apierrors.IsForbidden(err):
		v.note(err)
		return errors.Join(workertls.ErrMayNotVouch, fmt.Errorf("have Kubernetes review a worker's token: %w", err))
	case apierrors.IsBadRequest(err) || apierrors.IsInvalid(err) || apierrors.IsRequestEntityTooLargeError(err):
		return fmt.Errorf("what was shown for worker %s is no token: %w", workerID, err)
	case err != nil: // Kubernetes has said nothing of the worker; it may be away
		return errors.Join(workertls.ErrNoVouching, fmt.Errorf("have Kubernetes review a worker's token: %w", err))
	}
	v.note(nil)
	said := review.Status
	account := "system:serviceaccount:" + v.cfg.Namespace + ":"
	switch {
	case !said.Authenticated || !slices.Contains(said.Audiences, podlayout.IdentityAudience):
		return fmt.Errorf("the token that was shown for worker %s is not known to Kubernetes: %s", workerID, said.Error)
	case !strings.HasPrefix(said.User.Username, account) || only(said.User.Extra[tokenPodName]) != workerID ||
		only(said.User.Extra[tokenPodUID]) != string(w.pod.UID):
		return fmt.Errorf("the token that was shown for worker %s is another pod's", workerID)
	}
	return nil
}

// only returns the one value that there is, "" for none or several.
func only(values authv1.ExtraValue) string {
	if len(values) != 1 {
		return ""
	}
	return values[0]
}

// note remembers, for health checks, that Kubernetes does not let us know workers.
func (v *voucher) note(err error) {
	if before := v.vouchProblem.Load(); err == nil {
		v.vouchProblem.Store(nil)
	} else if before == nil {
		err = fmt.Errorf("the engine may not create tokenreviews, so that it cannot know workers by TLS: %w", err)
		v.vouchProblem.Store(&problem{err})
		v.log.Error("workers are not spoken to by TLS", "error", err)
	}
}
