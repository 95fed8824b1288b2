package kubernetes

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/openstack-faas/faas/internal/agentconfig"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/orchestrator"
	"github.com/openstack-faas/faas/internal/podlayout"
)

// The containers and volumes of a worker.
const (
	agentContainer   = "agent"
	runtimeContainer = "runtime"

	runVolume     = "run"
	codeVolume    = "code"
	scratchVolume = "tmp"

	identityVolume = "identity" // the agent's alone
)

// Sizes of what a worker holds, in bytes.
const (
	runSize      = 8 << 20                      // sockets and pipes only
	codeSize     = faas.MaxUnpackedSize * 5 / 4 // blocks are larger than files
	agentMemory  = 96 << 20
	agentRequest = 24 << 20
	diskRequest  = 16 << 20
	logsSize     = 64 << 20 // what a container may write to its standard output and error until the kubelet rotates it
)

// sandboxedAgentCPU is what an agent may use, in millicores, where a sandbox is bounded: a function
// there may use it too.
const sandboxedAgentCPU = 100

// drainMargin is how much longer than the agent's own drain timeout Kubernetes waits before it
// kills.
const drainMargin = 5 * time.Second

// template returns the pod template of a pool. Every value that others choose, such as an image's
// name, is the value of one field and cannot change another.
func (c Config) template(pool orchestrator.Pool) (corev1.PodTemplateSpec, error) {
	spec, err := c.podSpec(pool)
	if err != nil {
		return corev1.PodTemplateSpec{}, err
	}
	template := corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{
			Labels:      map[string]string{labelName: workerName, labelRuntime: pool.RuntimeID, labelPool: pool.RuntimeID},
			Annotations: c.annotations(),
		},
		Spec: spec,
	}
	if c.TLS != faas.TLSNever {
		template.Annotations[annotationIntroduced] = notIntroduced
	}
	if c.Cluster != "" { // Kubernetes makes a part of each pod's name from the template
		template.Annotations[annotationCluster] = c.Cluster
	}
	if spec.RuntimeClassName != nil {
		maps.Copy(template.Annotations, sandboxHints)
	}
	text, err := json.Marshal(template)
	if err != nil {
		return template, fmt.Errorf("encode template: %w", err)
	}
	sum := sha256.Sum256(text)
	template.Labels[labelTemplate] = hex.EncodeToString(sum[:8])
	return template, nil
}

func (c Config) podSpec(pool orchestrator.Pool) (corev1.PodSpec, error) {
	config, err := json.Marshal(podlayout.Config{
		TokenKey: c.Key.Public(), Slots: c.Slots, Limits: c.Limit, TLS: c.TLS,
		// The agent waits while the runtime's image is pulled.
		Timeouts: agentconfig.Timeouts{Start: c.Progress, Drain: c.Drain},
	})
	if err != nil {
		return corev1.PodSpec{}, fmt.Errorf("encode the agent's configuration: %w", err)
	}
	// Generic workers are spread among each other: whatever node is lost, the pool keeps some.
	spec := c.confinedPod(pool.Trusted, map[string]string{labelPool: pool.RuntimeID})
	// Only pools have them: with the operator's secrets a tenant could pull images that are not the
	// tenant's.
	for _, name := range c.PullSecrets {
		spec.ImagePullSecrets = append(spec.ImagePullSecrets, corev1.LocalObjectReference{Name: name})
	}
	// The runtime's image comes first: it may take long to pull.
	beside := c.agentContainer(string(config))
	if spec.RuntimeClassName != nil {
		// A sandbox is bounded as a whole, and in cpu only if each container is.
		beside.Resources.Limits[corev1.ResourceCPU] = *resource.NewMilliQuantity(sandboxedAgentCPU, resource.DecimalSI)
	}
	spec.Containers = []corev1.Container{c.runtimeContainer(pool.Image), beside}
	spec.Volumes = c.withIdentity(c.volumes())
	spec.RestartPolicy = corev1.RestartPolicyAlways
	spec.TerminationGracePeriodSeconds = c.grace()
	return spec, nil
}

// grace is how long Kubernetes waits for an agent that drains.
func (c Config) grace() *int64 { return pointer(int64((c.Drain + drainMargin) / time.Second)) }

// confinedPod returns what every pod of ours has beside its containers. kin are the labels of the
// pods among which it is spread over nodes.
func (c Config) confinedPod(trusted bool, kin map[string]string) corev1.PodSpec {
	spec := corev1.PodSpec{
		AutomountServiceAccountToken: pointer(false),
		EnableServiceLinks:           pointer(false),
		SecurityContext: &corev1.PodSecurityContext{
			RunAsNonRoot:   pointer(true),
			SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
		},
		RuntimeClassName: c.runtimeClass(trusted),
		DNSPolicy:        corev1.DNSDefault,
	}
	c.Nodes.put(&spec, kin)
	if len(c.Network.Resolvers) > 0 {
		spec.DNSPolicy, spec.DNSConfig = corev1.DNSNone, &corev1.PodDNSConfig{Nameservers: c.Network.Resolvers}
	}
	return spec
}

// sandboxHints tell gVisor that both containers of a pod share the volume of sockets and pipes. It
// would else show each container another file system there, from the node's. Other runtimes do not
// know them.
var sandboxHints = map[string]string{
	"dev.gvisor.spec.mount." + runVolume + ".type":    "tmpfs",
	"dev.gvisor.spec.mount." + runVolume + ".share":   "pod",
	"dev.gvisor.spec.mount." + runVolume + ".options": "rw,rprivate",
}

func (c Config) runtimeClass(trusted bool) *string {
	class := c.UntrustedClass
	if trusted {
		class = c.TrustedClass
	}
	if class == "" {
		return nil
	}
	return &class
}

// runtimeContainer returns the container that runs the image's own entrypoint, under the function's
// limits. Its requests are always below its limits: an in-place resize may not change the pod's
// quality-of-service class.
func (c Config) runtimeContainer(image string) corev1.Container {
	return corev1.Container{
		Name: runtimeContainer, Image: image, ImagePullPolicy: c.PullPolicy,
		Resources: corev1.ResourceRequirements{
			Requests: amounts(c.Request.CPU, c.Request.Memory, diskRequest),
			Limits:   amounts(c.Ceiling.CPU, c.Ceiling.Memory, c.Scratch+logsSize),
		},
		ResizePolicy: []corev1.ContainerResizePolicy{
			{ResourceName: corev1.ResourceCPU, RestartPolicy: corev1.NotRequired},
			{ResourceName: corev1.ResourceMemory, RestartPolicy: corev1.NotRequired},
		},
		VolumeMounts: []corev1.VolumeMount{
			{Name: runVolume, MountPath: podlayout.RunDir, ReadOnly: true},
			{Name: codeVolume, MountPath: podlayout.CodeDir, ReadOnly: true},
			{Name: scratchVolume, MountPath: podlayout.HomeDir},
		},
		SecurityContext:          confined(podlayout.RuntimeUID),
		TerminationMessagePolicy: corev1.TerminationMessageFallbackToLogsOnError,
	}
}

func (c Config) agentContainer(config string) corev1.Container {
	limits := amounts(0, agentMemory, codeSize+logsSize)
	// It moves the bytes of calls: a CPU limit would throttle those, and what it uses is used for
	// them.
	delete(limits, corev1.ResourceCPU)
	return corev1.Container{
		Name: agentContainer, Image: c.AgentImage, ImagePullPolicy: c.PullPolicy,
		Command: []string{podlayout.AgentBinary, "pod"},
		Env: []corev1.EnvVar{
			{Name: podlayout.EnvConfig, Value: config},
			{Name: podlayout.EnvWorkerID, ValueFrom: &corev1.EnvVarSource{
				FieldRef: &corev1.ObjectFieldSelector{APIVersion: "v1", FieldPath: "metadata.name"},
			}},
		},
		Ports:     []corev1.ContainerPort{{ContainerPort: podlayout.Port, Protocol: corev1.ProtocolTCP}},
		Resources: corev1.ResourceRequirements{Requests: amounts(10, agentRequest, diskRequest), Limits: limits},
		VolumeMounts: append([]corev1.VolumeMount{
			{Name: runVolume, MountPath: podlayout.RunDir},
			{Name: codeVolume, MountPath: podlayout.CodeDir},
		}, c.identityMounts()...),
		StartupProbe:             c.startupProbe(),
		SecurityContext:          confined(podlayout.AgentUID),
		TerminationMessagePolicy: corev1.TerminationMessageFallbackToLogsOnError,
	}
}

// startupProbe succeeds when the worker is warm. There is no liveness probe: calls show whether a
// worker lives, and a kubelet that probes thousands of workers has less time to start new ones.
func (c Config) startupProbe() *corev1.Probe {
	scheme := corev1.URISchemeHTTP
	if c.TLS == faas.TLSRequired {
		scheme = corev1.URISchemeHTTPS // the kubelet takes whoever answers for the agent
	}
	return &corev1.Probe{
		ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{
			Path: podlayout.ReadyPath, Port: intstr.FromInt32(podlayout.Port), Scheme: scheme,
		}},
		PeriodSeconds: 1, TimeoutSeconds: 5, SuccessThreshold: 1, FailureThreshold: max(1, int32(c.Progress/time.Second)),
	}
}

// confined returns the security context of every container of a worker.
func confined(uid int64) *corev1.SecurityContext {
	return &corev1.SecurityContext{
		RunAsUser: &uid, RunAsGroup: &uid, RunAsNonRoot: pointer(true),
		ReadOnlyRootFilesystem: pointer(true), AllowPrivilegeEscalation: pointer(false), Privileged: pointer(false),
		Capabilities:   &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
		SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
	}
}

func (c Config) volumes() []corev1.Volume {
	return []corev1.Volume{
		emptyVolume(runVolume, corev1.StorageMediumMemory, runSize),
		emptyVolume(codeVolume, corev1.StorageMediumDefault, codeSize),
		emptyVolume(scratchVolume, corev1.StorageMediumDefault, c.Scratch),
	}
}

func emptyVolume(name string, medium corev1.StorageMedium, size int64) corev1.Volume {
	return corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{
		EmptyDir: &corev1.EmptyDirVolumeSource{Medium: medium, SizeLimit: resource.NewQuantity(size, resource.BinarySI)},
	}}
}

// amounts returns the resources for so many millicores, bytes of memory and bytes of the node's
// disk.
func amounts(cpu, memory, disk int64) corev1.ResourceList {
	return corev1.ResourceList{
		corev1.ResourceCPU:              *resource.NewMilliQuantity(cpu, resource.DecimalSI),
		corev1.ResourceMemory:           *resource.NewQuantity(memory, resource.BinarySI),
		corev1.ResourceEphemeralStorage: *resource.NewQuantity(disk, resource.BinarySI),
	}
}

func pointer[T any](value T) *T { return &value }
