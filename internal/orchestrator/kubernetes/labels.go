package kubernetes

import (
	"fmt"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/openstack-faas/faas/internal/faas"
)

// Labels tell whose a worker is; they are the truth about that, and what other tools select by.
const (
	labelRuntime  = "faas.openstack.org/runtime-id"
	labelPool     = "faas.openstack.org/pool"     // the runtime's id, while the worker is generic: what its ReplicaSet selects by
	labelTemplate = "faas.openstack.org/template" // a digest of the template that the worker was made from
	labelFunction = "faas.openstack.org/function-id"
	labelVersion  = "faas.openstack.org/function-version"
	labelRevision = "faas.openstack.org/revision"
	labelProject  = "faas.openstack.org/project-id"

	labelName  = "app.kubernetes.io/name"
	workerName = "faas-worker"
)

// ClientLabel names the pods that may reach workers by themselves: those whose label of this key has one of ClientNames.
const ClientLabel = labelName

// ClientNames are the values of ClientLabel of our own services.
var ClientNames = []string{"faas-api", "faas-engine", "faas-standalone"}

// Annotations of a worker.
const (
	noteSlots    = "faas.openstack.org/slots"    // calls at a time
	noteRestarts = "faas.openstack.org/restarts" // how often its containers had restarted when it was claimed: once more, and it is lost
)

// checkLabel refuses what cannot be a label's value, so that an id that is none changes nothing.
func checkLabel(what, value string) error {
	if wrong := validation.IsValidLabelValue(value); value == "" || len(wrong) > 0 {
		return faas.Errorf(faas.Invalid, "The %s %q cannot be told to Kubernetes.", what, clip(value, 80))
	}
	return nil
}

// functionLabels gives the labels of a claimed worker.
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

// clip shortens a text that others wrote to some bytes.
func clip(text string, size int) string {
	if len(text) <= size {
		return text
	}
	return strings.ToValidUTF8(text[:size], "") + "…"
}

// clipFront shortens a text to its last bytes, which tell most of why a program ended.
func clipFront(text string, size int) string {
	text = strings.TrimSpace(text)
	if len(text) <= size {
		return text
	}
	return "…" + strings.ToValidUTF8(text[len(text)-size:], "")
}
