package kubernetes

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/orchestrator"
	"github.com/openstack-faas/faas/internal/podlayout"
)

const executionID = "5f6c2b1e-8f0b-4b6e-9d55-6a0f6a9a0002"

func imageTarget(protocol faas.Protocol) faas.Target {
	return faas.Target{
		Key: faas.Key{FunctionID: runtimeID, Revision: 7}, ProjectID: "project",
		CPU: 100, MemorySize: 32 << 20, Image: "plain", Protocol: protocol,
	}
}

func imageCall(arguments ...string) orchestrator.ImageCall {
	return orchestrator.ImageCall{
		ExecutionID: executionID,
		Target:      imageTarget(faas.ProtocolRun),
		Arguments:   arguments,
		Timeout:     5 * time.Second,
	}
}

func callPodOf(t *testing.T, cfg Config, call orchestrator.ImageCall) *corev1.Pod {
	t.Helper()
	pod, err := cfg.callPod(call, metav1.OwnerReference{})
	if err != nil {
		t.Fatal(err)
	}
	return pod
}

func serverPodOf(t *testing.T, cfg Config, target faas.Target) *corev1.Pod {
	t.Helper()
	pod, err := cfg.serverPod("server-"+executionID, target, metav1.OwnerReference{})
	if err != nil {
		t.Fatal(err)
	}
	return pod
}

// overTheWire returns the pod as the API server reads it.
func overTheWire(t *testing.T, pod *corev1.Pod) *corev1.Pod {
	t.Helper()
	wire, err := json.Marshal(pod)
	if err != nil {
		t.Fatal(err)
	}
	back := &corev1.Pod{}
	if err := json.Unmarshal(wire, back); err != nil {
		t.Fatal(err)
	}
	return back
}

// expanded returns what Kubernetes makes of an argument, as
// k8s.io/kubernetes/third_party/forked/golang/expansion does when it knows no variable.
func expanded(argument string) string {
	var out strings.Builder
	for i := 0; i < len(argument); i++ {
		if argument[i] == '$' && i+1 < len(argument) {
			i++
			if argument[i] != '$' {
				out.WriteString("<a variable's value>")
				continue
			}
		}
		out.WriteByte(argument[i])
	}
	return out.String()
}

func TestHostileCallsChangeTheirOwnFieldOnly(t *testing.T) {
	cfg := testConfig(t)
	plain := overTheWire(t, callPodOf(t, cfg, imageCall("plain")))
	more := []string{"--privileged", "a\nb: c\n- d", "$(HOME)", "$$(HOME)", "$", "{\"securityContext\": {}}"}
	for _, text := range append(hostile, more...) {
		call := imageCall(text)
		call.Target.Image = text
		pod := callPodOf(t, cfg, call)
		if got := pod.Spec.Containers[0]; got.Image != text || len(got.Args) != 1 || expanded(got.Args[0]) != text ||
			got.Command != nil {
			t.Errorf("%.40q became image %.40q, arguments %.80q", text, got.Image, got.Args)
		}
		back := overTheWire(t, pod)
		back.Spec.Containers[0].Image, back.Spec.Containers[0].Args = "plain", []string{"plain"}
		if !reflect.DeepEqual(back, plain) {
			t.Errorf("%.40q changed more than its fields:\n%+v\n%+v", text, back, plain)
		}
	}
	served := overTheWire(t, serverPodOf(t, cfg, imageTarget(faas.ProtocolHTTP)))
	for _, text := range hostile {
		target := imageTarget(faas.ProtocolHTTP)
		target.Image = text
		pod := serverPodOf(t, cfg, target)
		if pod.Spec.Containers[1].Image != text {
			t.Errorf("%.40q became %.40q", text, pod.Spec.Containers[1].Image)
		}
		back := overTheWire(t, pod)
		back.Spec.Containers[1].Image = "plain"
		if !reflect.DeepEqual(back, served) {
			t.Errorf("%.40q changed more than its field:\n%+v\n%+v", text, back, served)
		}
	}
}

func TestHostileIdsOfCallsAreRefused(t *testing.T) {
	cfg := testConfig(t)
	for _, id := range append(hostile, "Upper", "a/b", "-", strings.Repeat("a", 64)) {
		call := imageCall()
		call.ExecutionID = id
		if _, err := cfg.callPod(call, metav1.OwnerReference{}); faas.KindOf(err) != faas.Invalid {
			t.Errorf("execution %.40q: %v", id, err)
		}
		if labelled(id) {
			continue
		}
		call = imageCall()
		call.Target.ProjectID = id
		if _, err := cfg.callPod(call, metav1.OwnerReference{}); faas.KindOf(err) != faas.Invalid {
			t.Errorf("project %.40q: %v", id, err)
		}
	}
}

func TestPodsOfImagesAreConfined(t *testing.T) {
	cfg := testConfig(t)
	cfg.UntrustedClass, cfg.PullSecrets = "gvisor", []string{"registry"}
	call, server := callPodOf(t, cfg, imageCall("a")), serverPodOf(t, cfg, imageTarget(faas.ProtocolHTTP))
	for _, pod := range []*corev1.Pod{call, server} {
		spec := pod.Spec
		if *spec.AutomountServiceAccountToken || *spec.EnableServiceLinks ||
			spec.HostNetwork || spec.HostPID || spec.HostIPC || !*spec.SecurityContext.RunAsNonRoot ||
			spec.SecurityContext.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault ||
			*spec.RuntimeClassName != "gvisor" ||
			spec.RestartPolicy != corev1.RestartPolicyNever ||
			len(spec.ImagePullSecrets) != 0 {
			t.Errorf("%s: %+v", pod.Name, spec)
		}
		if pod.Labels[labelName] != workerName || pod.Labels[labelFunction] != runtimeID ||
			pod.Labels[labelProject] != "project" ||
			pod.Labels[labelRevision] != "7" {
			t.Errorf("%s: labels %v", pod.Name, pod.Labels)
		}
		for _, c := range spec.Containers {
			s := c.SecurityContext
			if *s.Privileged || *s.AllowPrivilegeEscalation || !*s.ReadOnlyRootFilesystem || !*s.RunAsNonRoot ||
				*s.RunAsUser == 0 ||
				!reflect.DeepEqual(s.Capabilities, &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}}) {
				t.Errorf("%s: container %s: %+v", pod.Name, c.Name, s)
			}
		}
		limits := spec.Containers[len(spec.Containers)-1].Resources.Limits // the agent is first
		if limits.Cpu().MilliValue() != 100 || limits.Memory().Value() != 32<<20 || limits.StorageEphemeral().IsZero() {
			t.Errorf("%s: limits %v", pod.Name, limits)
		}
	}
	if deadline := *callPodOf(t, cfg, imageCall()).Spec.ActiveDeadlineSeconds; deadline != 65 {
		t.Errorf("a call of 5 s may last %d s", deadline)
	}
}

func TestServerPodTellsItsAgent(t *testing.T) {
	pod := serverPodOf(t, testConfig(t), imageTarget(faas.ProtocolHTTP))
	var told podlayout.Config
	for _, env := range pod.Spec.Containers[0].Env {
		if env.Name == podlayout.EnvConfig {
			if err := json.Unmarshal([]byte(env.Value), &told); err != nil {
				t.Fatal(err)
			}
		}
	}
	if told.Server == nil || told.Server.Key != (faas.Key{FunctionID: runtimeID, Revision: 7}) ||
		told.Server.Port != serverPort {
		t.Errorf("the agent is told %+v", told)
	}
	pod.Status = corev1.PodStatus{
		Phase:      corev1.PodRunning,
		PodIP:      "10.0.0.1",
		Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}},
	}
	health, _ := examine(pod)
	w, err := workerOf(pod, health)
	if err != nil || w.Key != told.Server.Key || !w.Ready || w.ProjectID != "project" || w.Address != "tcp:10.0.0.1:8090" {
		t.Errorf("it is the worker %+v, %v", w, err)
	}
}

// TestEndOf has every way in which the kubelet reports the end of a call's container.
func TestEndOf(t *testing.T) {
	of := func(state corev1.ContainerState) *corev1.Pod {
		return &corev1.Pod{
			Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{Name: functionContainer, State: state}}},
		}
	}
	ended := func(code int32, reason string) *corev1.Pod {
		return of(
			corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: code, Reason: reason, Message: "why"}},
		)
	}
	waits := func(reason string) *corev1.Pod {
		return of(corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: "why"}})
	}
	late := ended(137, "Error")
	late.Status.Phase, late.Status.Reason = corev1.PodFailed, "DeadlineExceeded"
	evicted := &corev1.Pod{
		Status: corev1.PodStatus{Phase: corev1.PodFailed, Reason: "Evicted", Message: "too much of the disk"},
	}
	for _, test := range []struct {
		pod  *corev1.Pod
		over bool
		told string
	}{
		{&corev1.Pod{}, false, ""},
		{waits("ContainerCreating"), false, ""},
		{of(corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}), false, ""},
		{ended(0, "Completed"), true, ""},
		{ended(3, "Error"), true, "exited with status 3"},
		{ended(137, "OOMKilled"), true, faas.OutputResources},
		{ended(137, "Error"), true,
			faas.OutputResources + ", or its container was killed otherwise: it exited with status 137."},
		{ended(128, "StartError"), true, "cannot start: StartError: why"},
		{late, true, faas.OutputTimeout},
		{evicted, true, "Evicted: too much of the disk"},
		{waits("ErrImagePull"), true, "ErrImagePull: why"},
		{waits("InvalidImageName"), true, "InvalidImageName: why"},
	} {
		end, over := endOf(test.pod)
		if over != test.over || !strings.Contains(end.fault, test.told) || test.told == "" && end.fault != "" {
			t.Errorf("%+v: over %v: %+v", test.pod.Status, over, end)
		}
	}
}

func TestAbandonedCalls(t *testing.T) {
	now := time.Now()
	var calls callPods
	add := func(name string, age time.Duration) *corev1.Pod {
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, CreationTimestamp: metav1.NewTime(now.Add(-age))}}
		pod.Spec.ActiveDeadlineSeconds = pointer(int64(65))
		calls.observe(pod, false)
		return pod
	}
	add("young", time.Minute)
	add("old", 10*time.Minute)
	add("awaited", 10*time.Minute)
	_, stop := calls.follow("awaited")
	defer stop()
	ended := func(name string, ago time.Duration) {
		pod := add(name, 10*time.Minute)
		pod.Status.ContainerStatuses = []corev1.ContainerStatus{{State: corev1.ContainerState{
			Terminated: &corev1.ContainerStateTerminated{FinishedAt: metav1.NewTime(now.Add(-ago))},
		}}}
	}
	ended("ended", endGrace+time.Second)
	ended("ended just now", endGrace-time.Second)
	calls.observe(add("deleted", 10*time.Minute), true)
	names := map[string]bool{}
	for _, pod := range calls.abandoned(now) {
		names[pod.Name] = true
	}
	if !reflect.DeepEqual(names, map[string]bool{"old": true, "ended": true}) {
		t.Errorf("abandoned: %v", names)
	}
}

// TestTraceOfACall: the container of a call has its trace. A server, which outlives calls, has
// none.
func TestTraceOfACall(t *testing.T) {
	const trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	traced := func(containers []corev1.Container) (values []string) {
		for _, container := range containers {
			for _, variable := range container.Env {
				if variable.Name == "TRACEPARENT" {
					values = append(values, variable.Value)
				}
			}
		}
		return values
	}
	cfg, call := testConfig(t), imageCall()
	if got := traced(callPodOf(t, cfg, call).Spec.Containers); got != nil {
		t.Errorf("without a trace it is %v", got)
	}
	call.Trace = trace
	if got := traced(callPodOf(t, cfg, call).Spec.Containers); len(got) != 1 || got[0] != trace {
		t.Errorf("the trace is %v", got)
	}
	if got := traced(serverPodOf(t, cfg, imageTarget(faas.ProtocolHTTP)).Spec.Containers); got != nil {
		t.Errorf("a server has %v", got)
	}
	call.Target.Environment = `{"TRACEPARENT":"mine"}`
	if got := traced(callPodOf(t, cfg, call).Spec.Containers); got != nil {
		t.Errorf("the function has a variable of its own, and the pod %v", got)
	}
}
