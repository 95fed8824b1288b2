package kubernetes

import (
	"crypto/sha256"
	"encoding/hex"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/orchestrator"
	"github.com/openstack-faas/faas/internal/podlayout"
)

// The container of an image has its function's environment from a Secret, the readable part too: a
// pod's specification is seen by more people than its function is.

const environmentName = "faas-image-environment" // labelName of the secrets

func hasEnvironment(target faas.Target) bool { return target.Environment != "" || target.Secrets != "" }

// environmentSecretName returns the name of the secret with the target's environment. As with
// pullSecretName another environment makes another name, of which nobody can try out values.
func environmentSecretName(target faas.Target) string {
	sum := sha256.Sum256([]byte(string(target.Environment) + "\n" + string(target.Secrets)))
	return "env-" + target.Key.FunctionID + "-" + hex.EncodeToString(sum[:6])
}

// environmentSecret returns the secret with the target's environment.
func (c Config) environmentSecret(target faas.Target, owner metav1.OwnerReference) (*corev1.Secret, error) {
	labels, err := functionLabels(target)
	if err != nil {
		return nil, err
	}
	environment, err := c.Variables.Environment(target)
	if err != nil {
		return nil, err
	}
	data := make(map[string][]byte, len(environment))
	for name, value := range environment {
		data[name] = []byte(value)
	}
	return &corev1.Secret{
		ObjectMeta: c.secretMeta(environmentSecretName(target), environmentName, labels, owner),
		Type:       corev1.SecretTypeOpaque, Data: data,
	}, nil
}

// environmentOf returns how the target's container comes by its environment. What a pod names by
// itself goes before what a secret has: the container's HOME and TMPDIR are named only where the
// function has none of its own.
func environmentOf(target faas.Target) (own []corev1.EnvVar, from []corev1.EnvFromSource) {
	for _, name := range []string{"HOME", "TMPDIR"} {
		if !sets(target, name) {
			own = append(own, corev1.EnvVar{Name: name, Value: podlayout.HomeDir})
		}
	}
	if hasEnvironment(target) {
		from = []corev1.EnvFromSource{{SecretRef: &corev1.SecretEnvSource{
			LocalObjectReference: corev1.LocalObjectReference{Name: environmentSecretName(target)},
		}}}
	}
	return own, from
}

// sets reports whether the function has a variable of that name.
func sets(target faas.Target, name string) bool {
	_, plain := target.Environment.Map()[name]
	_, secret := target.Secrets.Map()[name]
	return plain || secret
}

// traceVariable is what OpenTelemetry's specification of environment variables as carriers makes of
// traceparent.
const traceVariable = "TRACEPARENT"

// traceOf returns the variable that has the call's trace, unless nothing is traced or the function
// has one of its own of that name.
func traceOf(call orchestrator.ImageCall) []corev1.EnvVar {
	if call.Trace == "" || sets(call.Target, traceVariable) {
		return nil
	}
	return []corev1.EnvVar{{Name: traceVariable, Value: literally(call.Trace)}}
}
