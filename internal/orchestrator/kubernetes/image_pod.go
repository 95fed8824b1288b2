package kubernetes

import (
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/openstack-faas/faas/internal/agentconfig"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/orchestrator"
	"github.com/openstack-faas/faas/internal/podlayout"
)

// Labels of the pods of image functions, beside those of a claimed worker.
const (
	labelProtocol  = "faas.openstack.org/protocol"     // run or http
	labelExecution = "faas.openstack.org/execution-id" // with run
)

const (
	// functionContainer is the container of a function's own image.
	functionContainer = "function"
	// serverPort is the port on which a function's server must listen; it gets it as $PORT.
	serverPort = 8080
	callPrefix = "call-"
)

func isCall(pod *corev1.Pod) bool { return pod.Labels[labelProtocol] == string(faas.ProtocolRun) }

func isServer(pod *corev1.Pod) bool { return pod.Labels[labelProtocol] == string(faas.ProtocolHTTP) }

// callPod returns the pod of one call: the function's container and nothing else. Its
// activeDeadlineSeconds ends it if nobody does before.
func (c Config) callPod(call orchestrator.ImageCall, owner metav1.OwnerReference) (*corev1.Pod, error) {
	if wrong := validation.IsDNS1123Label(callPrefix + call.ExecutionID); call.ExecutionID == "" || len(wrong) > 0 {
		return nil, errNotALabel("execution's id", call.ExecutionID)
	}
	pod, err := c.imagePod(callPrefix+call.ExecutionID, call.Target, owner)
	if err != nil {
		return nil, err
	}
	pod.Labels[labelExecution] = call.ExecutionID
	pod.Spec.ActiveDeadlineSeconds = pointer(int64((faas.ImageStart + call.Timeout + time.Second - 1) / time.Second))
	pod.Spec.TerminationGracePeriodSeconds = pointer(int64(1))
	container := c.functionContainer(call.Target)
	for _, argument := range call.Arguments {
		container.Args = append(container.Args, literally(argument))
	}
	container.Env = append(container.Env, traceOf(call)...)
	pod.Spec.Containers = []corev1.Container{container}
	return pod, nil
}

// literally escapes an argument so that Kubernetes expands no variable in it.
func literally(argument string) string { return strings.ReplaceAll(argument, "$", "$$") }

// serverPod returns the pod of a worker whose container is the target's own server.
func (c Config) serverPod(workerID string, target faas.Target, owner metav1.OwnerReference) (*corev1.Pod, error) {
	if wrong := validation.IsDNS1123Label(workerID); len(wrong) > 0 {
		return nil, errNotALabel("worker's id", workerID)
	}
	pod, err := c.imagePod(workerID, target, owner)
	if err != nil {
		return nil, err
	}
	config, err := json.Marshal(podlayout.Config{
		TokenKey: c.Key.Public(), Slots: c.Slots, Limits: c.Limit, TLS: c.TLS,
		Server:   &podlayout.Server{Port: serverPort, Key: target.Key},
		Timeouts: agentconfig.Timeouts{Start: c.Progress, Drain: c.Drain}, // as in a pool
	})
	if err != nil {
		return nil, fmt.Errorf("encode the agent's configuration: %w", err)
	}
	server, beside := c.functionContainer(target), c.agentContainer(string(config))
	server.Env = append(server.Env, corev1.EnvVar{Name: "PORT", Value: strconv.Itoa(serverPort)})
	beside.VolumeMounts = c.identityMounts()
	pod.Spec.Volumes = c.withIdentity(pod.Spec.Volumes)
	pod.Annotations = c.annotations()
	pod.Spec.TerminationGracePeriodSeconds = c.grace()
	// They are started in this order, so that the agent has its port before the server could take
	// it.
	pod.Spec.Containers = []corev1.Container{beside, server}
	return pod, nil
}

// imagePod returns what both kinds of pods have in common. No operator has reviewed their images,
// so none is trusted.
func (c Config) imagePod(name string, target faas.Target, owner metav1.OwnerReference) (*corev1.Pod, error) {
	labels := map[string]string{labelName: workerName, labelProtocol: string(target.Protocol)}
	function, err := functionLabels(target)
	if err != nil {
		return nil, err
	}
	maps.Copy(labels, function)
	spec := c.confinedPod(false, map[string]string{labelFunction: target.Key.FunctionID})
	spec.RestartPolicy = corev1.RestartPolicyNever
	spec.Volumes = []corev1.Volume{emptyVolume(scratchVolume, corev1.StorageMediumDefault, c.Scratch)}
	if target.Registry.User != "" {
		spec.ImagePullSecrets = []corev1.LocalObjectReference{{Name: pullSecretName(target)}}
	}
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name: name, Namespace: c.Namespace, Labels: labels, OwnerReferences: []metav1.OwnerReference{owner},
		},
		Spec: spec,
	}, nil
}

// functionContainer runs the target's image with the function's own limits.
func (c Config) functionContainer(target faas.Target) corev1.Container {
	cpu := int64(target.CPU)
	own, from := environmentOf(target)
	return corev1.Container{
		Name: functionContainer, Image: target.Image, ImagePullPolicy: c.PullPolicy, Env: own, EnvFrom: from,
		Resources: corev1.ResourceRequirements{
			Requests: amounts(min(c.Request.CPU, cpu), min(c.Request.Memory, target.MemorySize), diskRequest),
			Limits:   amounts(cpu, target.MemorySize, c.Scratch+logsSize),
		},
		VolumeMounts:             []corev1.VolumeMount{{Name: scratchVolume, MountPath: podlayout.HomeDir}},
		SecurityContext:          confined(podlayout.RuntimeUID),
		TerminationMessagePolicy: corev1.TerminationMessageFallbackToLogsOnError,
	}
}
