package kubernetes

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/openstack-faas/faas/internal/faas"
)

// A function's image may be in a private registry. The kubelet pulls it with a Secret that exists
// for as long as it is needed: it is made, or noted as used, before each pod of the function, and
// swept when it has not been used for a while. The database has the password; Kubernetes never has
// it for longer than the function runs. The environment of image functions is kept in the same way.

const (
	annotationUsed = "faas.openstack.org/used-at" // when a pod was last about to be made with the secret, RFC 3339
	// noteAgain is after how long the use of a secret is noted again: not with each pod.
	noteAgain = 5 * time.Minute
	// secretUnused is after how long without a use a secret is deleted. A pod that was made when the
	// last note was nearly noteAgain old has had time to have its image pulled.
	secretUnused = noteAgain + faas.ImageStart + 4*time.Minute
	// secretTimeout is how long the API server may be away when a secret is to be made.
	secretTimeout = 15 * time.Second

	pullName = "faas-image-pull" // labelName of the secrets
)

// functionSecrets keeps the secrets of functions that are images in Kubernetes while they are used.
type functionSecrets struct{ *cluster }

// pullSecretName returns the name of the secret that the target's image is pulled with. Another
// password makes another name, so that no engine with an older record writes over a newer one. It
// is made from the sealed password: from the name nobody can try out passwords.
func pullSecretName(target faas.Target) string {
	as := target.Registry
	sum := sha256.Sum256([]byte(faas.RegistryHost(target.Image) + " " + as.User + " " + as.Sealed))
	return "pull-" + target.Key.FunctionID + "-" + hex.EncodeToString(sum[:6])
}

// keepSecrets makes sure that the secrets are there for the pod that is about to be made: the one
// that the target's image is pulled with, unless that is done as nobody, and its environment's.
// An error of kind faas.Invalid is the function's owner's to mend.
func (f *functionSecrets) keepSecrets(ctx context.Context, target faas.Target, owner metav1.OwnerReference) error {
	if target.Registry.User != "" {
		wanted, err := f.cfg.pullSecret(target, owner)
		if err := f.keepSecret(ctx, "password for the function's registry", wanted, err); err != nil {
			return err
		}
	}
	if hasEnvironment(target) {
		wanted, err := f.cfg.environmentSecret(target, owner)
		return f.keepSecret(ctx, "function's environment", wanted, err)
	}
	return nil
}

// keepSecret makes sure that the secret is there; wrong says why there can be none.
func (f *functionSecrets) keepSecret(ctx context.Context, what string, wanted *corev1.Secret, wrong error) error {
	if wrong != nil {
		return wrong
	}
	trying, cancel := context.WithTimeout(ctx, secretTimeout)
	defer cancel()
	err := retry(trying, func(ctx context.Context) error { return f.noteSecret(ctx, wanted, time.Now()) })
	if err != nil {
		return refused("The "+what+" cannot be given to Kubernetes", err)
	}
	return nil
}

// noteSecret makes the secret, or notes that it is used now.
func (f *functionSecrets) noteSecret(ctx context.Context, wanted *corev1.Secret, now time.Time) error {
	wanted.Annotations[annotationUsed] = now.UTC().Format(time.RFC3339)
	there, err := f.secrets().Get(ctx, wanted.Name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		_, err = f.secrets().Create(ctx, wanted, metav1.CreateOptions{})
		if apierrors.IsAlreadyExists(err) { // made by another engine, or by an attempt whose answer was lost: just now
			return nil
		}
		return err
	}
	if err != nil || now.Sub(usedAt(there)) < noteAgain {
		return err
	}
	there.Annotations = wanted.Annotations
	_, err = f.secrets().Update(ctx, there, metav1.UpdateOptions{})
	switch {
	case apierrors.IsConflict(err): // another engine has noted it
		return nil
	case apierrors.IsNotFound(err): // swept between the two
		_, err = f.secrets().Create(ctx, wanted, metav1.CreateOptions{})
	}
	return err
}

// usedAt returns when the secret was noted as used; when it was made if that cannot be read.
func usedAt(secret *corev1.Secret) time.Time {
	used, err := time.Parse(time.RFC3339, secret.Annotations[annotationUsed])
	if err != nil {
		return secret.CreationTimestamp.Time
	}
	return used
}

// pullSecret returns the secret by which the kubelet pulls the target's image.
func (c Config) pullSecret(target faas.Target, owner metav1.OwnerReference) (*corev1.Secret, error) {
	if c.Passwords == nil {
		return nil, faas.Errorf(faas.Invalid, "This deployment keeps no passwords of registries; use a public image.")
	}
	labels, err := functionLabels(target)
	if err != nil {
		return nil, err
	}
	password, err := c.Passwords.Open(target.Key.FunctionID, target.Image, target.Registry.Sealed)
	if err != nil {
		return nil, err
	}
	auth := base64.StdEncoding.EncodeToString([]byte(target.Registry.User + ":" + password.Reveal()))
	host := faas.RegistryHost(target.Image)
	docker, err := json.Marshal(map[string]any{"auths": map[string]any{host: map[string]string{"auth": auth}}})
	if err != nil {
		return nil, fmt.Errorf("encode the password of a registry: %w", err)
	}
	return &corev1.Secret{
		ObjectMeta: c.secretMeta(pullSecretName(target), pullName, labels, owner),
		Type:       corev1.SecretTypeDockerConfigJson,
		Data:       map[string][]byte{corev1.DockerConfigJsonKey: docker},
	}, nil
}

// secretMeta returns what the secrets of pods have in common; function are the labels of the
// function that needs the secret.
func (c Config) secretMeta(
	name, kind string, function map[string]string, owner metav1.OwnerReference,
) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Name: name, Namespace: c.Namespace, Annotations: map[string]string{},
		Labels: map[string]string{
			labelName: kind, labelFunction: function[labelFunction], labelProject: function[labelProject],
		},
		OwnerReferences: []metav1.OwnerReference{owner},
	}
}

// ForgetFunction implements orchestrator.Images. What it cannot delete now is swept.
func (f *functionSecrets) ForgetFunction(ctx context.Context, functionID string) {
	if checkLabel("function's id", functionID) != nil || f.closed() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, secretTimeout)
	defer cancel()
	err := f.deleteSecrets(ctx, labelFunction+"="+functionID, func(*corev1.Secret) bool { return true })
	if err != nil && !f.closed() {
		f.log.Warn("a secret of a deleted function is still in Kubernetes; it is deleted later",
			"function_id", functionID, "error", err)
	}
}

// SweepUnused implements orchestrator.Images.
func (f *functionSecrets) SweepUnused(ctx context.Context) error {
	return f.sweepSecrets(ctx, time.Now())
}

// sweepSecrets deletes the secrets that are not used any more.
func (f *functionSecrets) sweepSecrets(ctx context.Context, now time.Time) error {
	if f.closed() {
		return errClosed()
	}
	return f.deleteSecrets(ctx, "", func(secret *corev1.Secret) bool { return now.Sub(usedAt(secret)) > secretUnused })
}

// secretsAtATime bounds what one answer of the API server holds.
const secretsAtATime = 500

// deleteSecrets deletes those secrets of the selection for which unused holds. One that is
// noted as used meanwhile stays: the deletion is of the revision that was looked at.
func (f *functionSecrets) deleteSecrets(
	ctx context.Context, selection string, unused func(*corev1.Secret) bool,
) error {
	selector := labelName + " in (" + pullName + "," + environmentName + ")"
	if selection != "" {
		selector += "," + selection
	}
	options := metav1.ListOptions{LabelSelector: selector, Limit: secretsAtATime}
	for {
		found, err := f.secrets().List(ctx, options)
		if err != nil {
			return fmt.Errorf("list the secrets of functions in Kubernetes: %w", err)
		}
		for i := range found.Items {
			if secret := &found.Items[i]; unused(secret) {
				f.deleteSecret(ctx, secret)
			}
		}
		if options.Continue = found.Continue; options.Continue == "" {
			return nil
		}
	}
}

func (f *functionSecrets) deleteSecret(ctx context.Context, secret *corev1.Secret) {
	err := f.secrets().Delete(ctx, secret.Name, metav1.DeleteOptions{
		Preconditions: &metav1.Preconditions{UID: &secret.UID, ResourceVersion: &secret.ResourceVersion},
	})
	if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) && !f.closed() {
		f.log.Warn("a secret of a function cannot be deleted from Kubernetes; it is tried again",
			"secret", secret.Name, "error", err)
	}
}
