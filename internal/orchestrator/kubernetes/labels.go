package kubernetes

import (
	"fmt"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/openstack-faas/faas/internal/faas"
)

// Labels of a worker. They say to which runtime, pool and function it belongs, and are the only
// record of that.
const (
	labelRuntime  = "faas.openstack.org/runtime-id"
	labelPool     = "faas.openstack.org/pool"     // the runtime's id while the worker is generic; ReplicaSets select by it
	labelExtra    = "faas.openstack.org/extra"    // the same of a generic worker that no ReplicaSet has
	labelTemplate = "faas.openstack.org/template" // a digest of the template that the worker was made from
	labelFunction = "faas.openstack.org/function-id"
	labelVersion  = "faas.openstack.org/function-version"
	labelRevision = "faas.openstack.org/revision"
	labelProject  = "faas.openstack.org/project-id"

	labelName  = "app.kubernetes.io/name"
	workerName = "faas-worker"
)

// ClientLabel is the label by which the network policy recognises the pods that may reach workers:
// its value is one of ClientNames.
const ClientLabel = labelName

// ClientNames are the values of ClientLabel that our own services have.
var ClientNames = []string{"faas-api", "faas-engine", "faas-standalone"}

// Annotations of a worker.
const (
	annotationSlots = "faas.openstack.org/slots" // calls at a time
	// annotationCluster is the name of the cluster where there are several.
	annotationCluster = "faas.openstack.org/cluster"
	// annotationTLS is a faas.TLS: whether the agent is spoken to by TLS. No annotation: it is not.
	annotationTLS = "faas.openstack.org/tls"
	// annotationIntroduced is how often the containers of a generic worker had restarted when an
	// engine introduced it: once more, and its agent has another key. Until then it is
	// notIntroduced. No annotation: the worker is ready without, as those of a release before are.
	annotationIntroduced = "faas.openstack.org/introduced"
	// annotationRestarts is how often its containers had restarted when it was claimed: once more,
	// and it is lost.
	annotationRestarts = "faas.openstack.org/restarts"
)

const notIntroduced = "no"

// checkLabel returns an error for what cannot be the value of a label.
func checkLabel(what, value string) error {
	if wrong := validation.IsValidLabelValue(value); value == "" || len(wrong) > 0 {
		return errNotALabel(what, value)
	}
	return nil
}

// errNotALabel says that a value cannot be the name or a label of an object.
func errNotALabel(what, value string) error {
	return faas.Errorf(faas.Invalid,
		"The %s %q cannot be used in Kubernetes: it must have 1 to 63 letters, digits, '-', '_' or '.', as a UUID has.",
		what, clip(value, 80))
}

// functionLabels returns the labels of a claimed worker.
func functionLabels(target faas.Target) (map[string]string, error) {
	if err := checkLabel("function's id", target.Key.FunctionID); err != nil {
		return nil, err
	}
	if err := checkLabel("project's id", target.ProjectID); err != nil {
		return nil, err
	}
	return map[string]string{
		labelFunction: target.Key.FunctionID,
		labelVersion:  strconv.Itoa(target.Key.Version),
		labelRevision: strconv.FormatInt(target.Key.Revision, 10),
		labelProject:  target.ProjectID,
	}, nil
}

// keyOf reads the labels back. A pod without them is generic.
func keyOf(pod *corev1.Pod) (faas.Key, error) {
	function, claimed := pod.Labels[labelFunction]
	if !claimed {
		return faas.Key{}, nil
	}
	version, err := strconv.Atoi(pod.Labels[labelVersion])
	if err != nil {
		return faas.Key{}, fmt.Errorf("label %s: %w", labelVersion, err)
	}
	revision, err := strconv.ParseInt(pod.Labels[labelRevision], 10, 64)
	if err != nil {
		return faas.Key{}, fmt.Errorf("label %s: %w", labelRevision, err)
	}
	return faas.Key{FunctionID: function, Version: version, Revision: revision}, nil
}

// clip shortens a text that others wrote to at most size bytes and a mark.
func clip(text string, size int) string {
	if len(text) <= size {
		return text
	}
	return strings.ToValidUTF8(text[:size], "") + "…"
}

// clipFront shortens a text to its last bytes, which say most about why a program ended.
func clipFront(text string, size int) string {
	text = strings.TrimSpace(text)
	if len(text) <= size {
		return text
	}
	return "…" + strings.ToValidUTF8(text[len(text)-size:], "")
}
