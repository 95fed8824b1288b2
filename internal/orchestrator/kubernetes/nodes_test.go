package kubernetes

import (
	"bytes"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/orchestrator"
)

var ownNodes = Nodes{
	Selector:    map[string]string{"pool": "faas"},
	Tolerations: []corev1.Toleration{{Key: "dedicated", Operator: corev1.TolerationOpEqual, Value: "faas"}},
	Priority:    "workers",
	Spread:      []string{"topology.kubernetes.io/zone", "kubernetes.io/hostname"},
}

// TestEveryPodIsPutOnItsNodes: of each kind of pod that is made here.
func TestEveryPodIsPutOnItsNodes(t *testing.T) {
	cfg := testConfig(t)
	cfg.Nodes = ownNodes
	for name, of := range map[string]struct {
		spec corev1.PodSpec
		kin  map[string]string
	}{
		"generic": {
			podSpecOf(t, cfg, orchestrator.Pool{RuntimeID: runtimeID, Image: "x"}).Spec,
			map[string]string{labelPool: runtimeID},
		},
		"call":   {callPodOf(t, cfg, imageCall()).Spec, map[string]string{labelFunction: runtimeID}},
		"server": {serverPodOf(t, cfg, imageTarget(faas.ProtocolHTTP)).Spec, map[string]string{labelFunction: runtimeID}},
	} {
		if !reflect.DeepEqual(of.spec.NodeSelector, ownNodes.Selector) ||
			!reflect.DeepEqual(of.spec.Tolerations, ownNodes.Tolerations) ||
			of.spec.PriorityClassName != "workers" {
			t.Errorf("%s: %v, %v, %q", name, of.spec.NodeSelector, of.spec.Tolerations, of.spec.PriorityClassName)
		}
		var over []string
		for _, s := range of.spec.TopologySpreadConstraints {
			over = append(over, s.TopologyKey)
			if s.WhenUnsatisfiable != corev1.ScheduleAnyway || s.MaxSkew != 1 ||
				!reflect.DeepEqual(s.LabelSelector.MatchLabels, of.kin) {
				t.Errorf("%s: spread %+v", name, s)
			}
		}
		if !reflect.DeepEqual(over, ownNodes.Spread) {
			t.Errorf("%s: spread over %q", name, over)
		}
	}
}

// TestChangedNodesReplaceThePool: an option that changes has Kubernetes replace generic workers,
// and one that is not used has no part in the template.
func TestChangedNodesReplaceThePool(t *testing.T) {
	cfg := testConfig(t)
	template := func() string {
		return podSpecOf(t, cfg, orchestrator.Pool{RuntimeID: runtimeID, Image: "x"}).Labels[labelTemplate]
	}
	seen := map[string]string{template(): "none"}
	cfg.Nodes = Nodes{Selector: map[string]string{}, Tolerations: []corev1.Toleration{}, Spread: []string{}}
	if seen[template()] != "none" {
		t.Error("empty options change the template")
	}
	for name, on := range map[string]Nodes{
		"selector": {Selector: ownNodes.Selector}, "tolerations": {Tolerations: ownNodes.Tolerations},
		"priority": {Priority: ownNodes.Priority}, "spread": {Spread: ownNodes.Spread}, "all": ownNodes,
	} {
		cfg.Nodes = on
		if same := seen[template()]; same != "" {
			t.Errorf("%s: the template is that of %s", name, same)
		}
		seen[template()] = name
	}
}

func TestNodesTakeWorkers(t *testing.T) {
	labelled := map[string]string{"pool": "faas", "other": "x"}
	dedicated := func(value string, effect corev1.TaintEffect) corev1.Taint {
		return corev1.Taint{Key: "dedicated", Value: value, Effect: effect}
	}
	for name, c := range map[string]struct {
		labels map[string]string
		taint  corev1.Taint
		takes  bool
	}{
		"its own":          {labelled, dedicated("faas", corev1.TaintEffectNoExecute), true},
		"no label":         {nil, dedicated("faas", corev1.TaintEffectNoSchedule), false},
		"another label":    {map[string]string{"pool": "x"}, dedicated("faas", corev1.TaintEffectNoSchedule), false},
		"another taint":    {labelled, corev1.Taint{Key: "gpu", Effect: corev1.TaintEffectNoSchedule}, false},
		"another value":    {labelled, dedicated("x", corev1.TaintEffectNoSchedule), false},
		"rather not there": {labelled, corev1.Taint{Key: "gpu", Effect: corev1.TaintEffectPreferNoSchedule}, true},
	} {
		node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Labels: c.labels}}
		node.Spec.Taints = []corev1.Taint{c.taint}
		if got := ownNodes.Take(node); got != c.takes {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// waiting makes the pod one that the scheduler has said something about.
func waiting(said string) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		p.Status = corev1.PodStatus{Phase: corev1.PodPending, Conditions: []corev1.PodCondition{{
			Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonUnschedulable, Message: said,
		}}}
	}
}

const (
	noneMatches = "0/1 nodes are available: 1 node(s) had untolerated taint {dedicated: faas}."
	helpless    = " no new claims to deallocate, preemption: 0/1 nodes are available: 1 Preemption is not helpful."
	noneHasRoom = "0/2 nodes are available: 1 Insufficient cpu, 1 node(s) had untolerated taint {dedicated: faas}."
)

// TestNoNode: callers are told of nodes only where waiting for room is in vain.
func TestNoNode(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*corev1.Pod)
		want   string
	}{
		"ready":     {func(*corev1.Pod) {}, ""},
		"starting":  {unready, ""},
		"no match":  {waiting(noneMatches + helpless), "Unschedulable: " + noneMatches},
		"no room":   {waiting(noneHasRoom), ""},
		"many pods": {waiting("0/1 nodes are available: 1 Too many pods."), ""},
	} {
		o := newOrchestrator(testConfig(t), nil)
		o.observe(pod(c.change))
		if got := o.NoNode(runtimeID); got != c.want {
			t.Errorf("%s: %q", name, got)
		}
		if got := o.NoNode("another"); got != "" {
			t.Errorf("%s: of another runtime: %q", name, got)
		}
	}
}

// TestNodelessAreTold: the log has what the scheduler says, once, and that it is over.
func TestNodelessAreTold(t *testing.T) {
	var log bytes.Buffer
	cfg := testConfig(t)
	cfg.Log = slog.New(slog.NewTextHandler(&log, nil))
	o := newOrchestrator(cfg, nil)
	now := time.Now()
	sweep := func(after time.Duration) string {
		log.Reset()
		o.tellOfNodeless(now.Add(after))
		return log.String()
	}
	o.observe(pod(waiting(noneMatches)))
	call := callPodOf(t, cfg, imageCall())
	call.CreationTimestamp = metav1.NewTime(now.Add(time.Second))
	waiting(noneHasRoom)(call)
	o.listener.podSeen(call)
	if got := o.nodeless(); got.count != 2 || got.said != "Unschedulable: "+noneMatches {
		t.Errorf("%+v", got)
	}
	if said := sweep(nodelessFor / 2); said != "" {
		t.Errorf("too early: %s", said)
	}
	said := sweep(nodelessFor + time.Second)
	if !strings.Contains(said, noneMatches) || !strings.Contains(said, "workers=2") {
		t.Errorf("said %s", said)
	}
	if said := sweep(2 * nodelessFor); said != "" {
		t.Errorf("again: %s", said)
	}
	o.listener.podDeleted(call)
	o.observe(pod())
	if said := sweep(3 * nodelessFor); !strings.Contains(said, "have a node again") {
		t.Errorf("at the end: %s", said)
	}
}
