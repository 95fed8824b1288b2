package kubernetes

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/orchestrator"
	"github.com/openstack-faas/faas/internal/podlayout"
)

// hostile are values that somebody may put in the place of a name to change more than that name.
var hostile = []string{
	"image\nhostNetwork: true",
	"image\"}],\"hostNetwork\":true,\"containers\":[{\"image\":\"x",
	"image', privileged: true",
	"{{.Values.secret}}",
	"$(FAAS_AGENT_CONFIG)",
	"${PATH} `id` $(id); rm -rf /",
	"../../../etc/passwd",
	"image --privileged",
	"\x00\x01\x7f\ufeff",
	"\xff\xfe",
	"<script>&amp;\u2028",
	strings.Repeat("a", 1<<16),
	"",
}

func podSpecOf(t *testing.T, cfg Config, pool orchestrator.Pool) corev1.PodTemplateSpec {
	t.Helper()
	template, err := cfg.template(pool)
	if err != nil {
		t.Fatal(err)
	}
	return template
}

func TestHostileImageChangesItsOwnFieldOnly(t *testing.T) {
	cfg := testConfig(t)
	plain := podSpecOf(t, cfg, orchestrator.Pool{RuntimeID: runtimeID, Image: "plain"})
	for _, image := range hostile {
		got := podSpecOf(t, cfg, orchestrator.Pool{RuntimeID: runtimeID, Image: image})
		if got.Spec.Containers[0].Image != image {
			t.Errorf("%.40q became %.40q", image, got.Spec.Containers[0].Image)
		}
		// What goes over the wire has the same shape, too: decoded, nothing but the image differs.
		wire, err := json.Marshal(got)
		if err != nil {
			t.Fatalf("%.40q: %v", image, err)
		}
		var back corev1.PodTemplateSpec
		if err := json.Unmarshal(wire, &back); err != nil {
			t.Fatalf("%.40q: %v", image, err)
		}
		back.Spec.Containers[0].Image = "plain"
		back.Labels[labelTemplate] = plain.Labels[labelTemplate]
		wire, err = json.Marshal(back)
		if err != nil {
			t.Fatal(err)
		}
		want, err := json.Marshal(plain)
		if err != nil {
			t.Fatal(err)
		}
		if string(wire) != string(want) {
			t.Errorf("%.40q changed more than its field:\n%s\n%s", image, wire, want)
		}
	}
}

func TestHostileIdsAreRefused(t *testing.T) {
	cfg := testConfig(t)
	for _, id := range append(hostile, "Upper", "a/b", "a.b", "-a", strings.Repeat("a", 60)) {
		_, err := cfg.deployment(orchestrator.Pool{RuntimeID: id, Image: "x"}, metav1.OwnerReference{})
		if id != "" && faas.KindOf(err) != faas.Invalid {
			t.Errorf("runtime %.40q: %v", id, err)
		}
		for _, target := range []faas.Target{
			{Key: faas.Key{FunctionID: id}, ProjectID: "project"},
			{Key: faas.Key{FunctionID: runtimeID}, ProjectID: id},
		} {
			if labelled(id) {
				continue
			}
			_, err := claimPatch(worker{pod: &corev1.Pod{}}, orchestrator.Claim{Target: target}, metav1.OwnerReference{})
			if faas.KindOf(err) != faas.Invalid {
				t.Errorf("function %.40q of project %.40q: %v", target.Key.FunctionID, target.ProjectID, err)
			}
		}
	}
}

// labelled reports whether a hostile value is valid as a label's value, and so harmless.
func labelled(id string) bool { return checkLabel("", id) == nil }

func TestTemplateIsAsConfined(t *testing.T) {
	cfg := testConfig(t)
	cfg.UntrustedClass, cfg.PullSecrets = "gvisor", []string{"registry"}
	spec := podSpecOf(t, cfg, orchestrator.Pool{RuntimeID: runtimeID, Image: "x"}).Spec
	if *spec.AutomountServiceAccountToken || *spec.EnableServiceLinks ||
		spec.HostNetwork || spec.HostPID || spec.HostIPC || !*spec.SecurityContext.RunAsNonRoot ||
		spec.SecurityContext.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault ||
		*spec.RuntimeClassName != "gvisor" || spec.PriorityClassName != "" ||
		spec.RestartPolicy != corev1.RestartPolicyAlways {
		t.Errorf("the pod: %+v", spec)
	}
	if grace := *spec.TerminationGracePeriodSeconds; grace <= int64(cfg.Drain.Seconds()) {
		t.Errorf("an agent that drains for %s is killed after %d s", cfg.Drain, grace)
	}
	users := map[int64]bool{}
	for _, c := range spec.Containers {
		s := c.SecurityContext
		if *s.Privileged || *s.AllowPrivilegeEscalation || !*s.ReadOnlyRootFilesystem ||
			!*s.RunAsNonRoot || *s.RunAsUser == 0 || *s.RunAsGroup == 0 ||
			!reflect.DeepEqual(s.Capabilities, &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}}) ||
			s.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault {
			t.Errorf("container %s: %+v", c.Name, s)
		}
		users[*s.RunAsUser] = true
		if c.LivenessProbe != nil || c.ReadinessProbe != nil {
			t.Errorf("container %s is probed for ever", c.Name)
		}
		for name, request := range c.Resources.Requests {
			if limit, limited := c.Resources.Limits[name]; limited && request.Cmp(limit) >= 0 {
				t.Errorf("container %s: %s of %s requests no less than its limit", c.Name, name.String(), request.String())
			}
		}
		if _, limited := c.Resources.Limits[corev1.ResourceEphemeralStorage]; !limited {
			t.Errorf("container %s may fill the node's disk", c.Name)
		}
	}
	if len(users) != 2 {
		t.Errorf("the containers' users are %v", users)
	}
	for _, v := range spec.Volumes {
		if v.EmptyDir == nil || v.EmptyDir.SizeLimit.IsZero() {
			t.Errorf("volume %s: %+v", v.Name, v.VolumeSource)
		}
	}
	for _, mount := range spec.Containers[0].VolumeMounts {
		if mount.ReadOnly != (mount.MountPath != podlayout.HomeDir) {
			t.Errorf("the runtime's %s: read-only %v", mount.MountPath, mount.ReadOnly)
		}
	}
}

func TestTemplateHoldsNoSecret(t *testing.T) {
	cfg := testConfig(t)
	text, err := json.Marshal(podSpecOf(t, cfg, orchestrator.Pool{RuntimeID: runtimeID, Image: "x"}))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), "a secret of the tests") || strings.Contains(string(text), cfg.Key.Token("pool-x")) {
		t.Errorf("the secret is in %s", text)
	}
}

func TestTrustedRuntimesHaveTheirClass(t *testing.T) {
	cfg := testConfig(t)
	cfg.TrustedClass, cfg.UntrustedClass = "", "gvisor"
	if class := podSpecOf(t, cfg, orchestrator.Pool{Image: "x", Trusted: true}).Spec.RuntimeClassName; class != nil {
		t.Errorf("a trusted runtime runs in %q", *class)
	}
	boxed := podSpecOf(t, cfg, orchestrator.Pool{Image: "x"})
	for _, c := range boxed.Spec.Containers {
		if c.Resources.Limits.Cpu().IsZero() {
			t.Errorf("container %s has no limit of cpu, and so its sandbox has none", c.Name)
		}
	}
	if share := boxed.Annotations["dev.gvisor.spec.mount."+runVolume+".share"]; share != "pod" {
		t.Errorf("the volume of sockets is shared with %q", share)
	}
	a := podSpecOf(t, cfg, orchestrator.Pool{Image: "x", Trusted: true}).Labels[labelTemplate]
	if b := podSpecOf(t, cfg, orchestrator.Pool{Image: "x"}).Labels[labelTemplate]; a == b {
		t.Error("a runtime that is no longer trusted keeps its workers")
	}
}

func TestDifferences(t *testing.T) {
	cfg := testConfig(t)
	pool := orchestrator.Pool{RuntimeID: runtimeID, Image: "x", Size: 2}
	want, err := cfg.deployment(pool, metav1.OwnerReference{UID: "1"})
	if err != nil {
		t.Fatal(err)
	}
	have := want.DeepCopy()
	have.Spec.Template.Spec.SchedulerName = "default-scheduler" // as Kubernetes fills in
	have.Annotations = map[string]string{annotationProven: "x"}
	if differs(have, want) {
		t.Error("what Kubernetes has filled in counts as a difference")
	}
	changes := map[string]func(){
		"none":     func() { want.Spec.Replicas = pointer(int32(0)) },
		"image":    func() { want.Spec.Template.Spec.Containers[0].Image = "y" },
		"owner":    func() { want.OwnerReferences[0].UID = "2" },
		"template": func() { want.Spec.Template.Labels[labelTemplate] = "y" },
		"replicas": func() { want.Spec.Replicas = pointer(int32(3)) },
	}
	for name, change := range changes {
		kept := want.DeepCopy()
		change()
		if !differs(have, want) {
			t.Errorf("%s: no difference is seen", name)
		}
		if next := merged(have, want); differs(next, want) || next.Annotations[annotationProven] != "x" {
			t.Errorf("%s: put over what is there it still differs, or forgot its notes", name)
		}
		want = kept
	}
}

func TestConfigThatIsWrong(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"no namespace":      func(c *Config) { c.Namespace = "" },
		"hostile namespace": func(c *Config) { c.Namespace = "a/../b" },
		"no agent":          func(c *Config) { c.AgentImage = "" },
		"request > ceiling": func(c *Config) { c.Request.Memory = 1 << 40 },
		"a block":           func(c *Config) { c.Network.Deny = []string{"10.0.0.1/8"} },
		"another block":     func(c *Config) { c.Network.Allow = []string{"everything"} },
		"a resolver":        func(c *Config) { c.Network.Resolvers = []string{"dns.example"} },
	} {
		cfg := testConfig(t)
		change(&cfg)
		if _, err := cfg.withDefaults(); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

// A worker is resized before its function runs only where the pool's ceiling may not suffice.
func TestRaisedLimits(t *testing.T) {
	ceiling := Resources{CPU: 2000, Memory: 512 << 20}
	for memory, want := range map[int64]int64{32 << 20: 0, 256 << 20: 0, 512 << 20: 1024 << 20, 2 << 30: 2560 << 20} {
		limits := raisedLimits(faas.Target{MemorySize: memory}, ceiling)
		if got := limits.Memory().Value(); got != want {
			t.Errorf("%d bytes: a limit of %d, want %d", memory, got, want)
		}
		if _, changes := limits[corev1.ResourceCPU]; changes {
			t.Errorf("%d bytes: its cpu changes", memory)
		}
	}
}
