package kubernetes

import (
	"maps"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Nodes says on which nodes the scheduler puts workers, and before whom. The zero value leaves that
// to the cluster.
type Nodes struct {
	Selector    map[string]string // labels that a node must have
	Tolerations []corev1.Toleration
	Priority    string   // the PriorityClass of workers
	Spread      []string // labels of nodes over whose values kindred workers are rather spread evenly
}

// Take reports whether workers may be put on the node, room or none.
func (n Nodes) Take(node *corev1.Node) bool {
	for key, value := range n.Selector {
		if has, there := node.Labels[key]; !there || has != value {
			return false
		}
	}
	for i := range node.Spec.Taints {
		taint := &node.Spec.Taints[i]
		if taint.Effect != corev1.TaintEffectPreferNoSchedule && !n.tolerate(taint) {
			return false
		}
	}
	return true
}

func (n Nodes) tolerate(taint *corev1.Taint) bool {
	for i := range n.Tolerations {
		t := &n.Tolerations[i]
		if t.Key == taint.Key && (t.Effect == "" || t.Effect == taint.Effect) &&
			(t.Operator == corev1.TolerationOpExists || t.Value == taint.Value) {
			return true
		}
	}
	return false
}

// put has the scheduler heed it for a pod. kin are the labels of the pods among which the pod is
// spread.
func (n Nodes) put(spec *corev1.PodSpec, kin map[string]string) {
	spec.NodeSelector, spec.Tolerations, spec.PriorityClassName = n.Selector, n.Tolerations, n.Priority
	for _, key := range n.Spread {
		spec.TopologySpreadConstraints = append(spec.TopologySpreadConstraints, corev1.TopologySpreadConstraint{
			MaxSkew: 1, TopologyKey: key,
			// What is not spread evenly is better than what does not run.
			WhenUnsatisfiable: corev1.ScheduleAnyway,
			LabelSelector:     &metav1.LabelSelector{MatchLabels: maps.Clone(kin)},
		})
	}
}

// PriorityClass returns what faas-manage makes for workers. They wait for room rather than end
// others' pods.
func PriorityClass(name string, value int32) *schedulingv1.PriorityClass {
	return &schedulingv1.PriorityClass{
		TypeMeta:         metav1.TypeMeta{APIVersion: schedulingv1.SchemeGroupVersion.String(), Kind: "PriorityClass"},
		ObjectMeta:       metav1.ObjectMeta{Name: name},
		Value:            value,
		PreemptionPolicy: pointer(corev1.PreemptNever),
		Description:      "Workers of OpenStack's functions.",
	}
}

// unscheduled returns what the scheduler says of a pod that it finds no node for, "" of any other.
// It says so as "0/3 nodes are available: 3 node(s) had untolerated taint {dedicated: faas}.".
func unscheduled(pod *corev1.Pod) string {
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodScheduled && condition.Status == corev1.ConditionFalse {
			// What follows is why ending other pods would not help.
			said, _, more := strings.Cut(condition.Message, ". ")
			if more {
				said += "."
			}
			return clip(condition.Reason+": "+said, maxReason)
		}
	}
	return ""
}

// full reports whether some node would take the pod if it had more room, by what the scheduler
// said.
func full(said string) bool {
	return strings.Contains(said, "Insufficient ") || strings.Contains(said, "Too many pods")
}

// nodeSeeker says which pods the scheduler finds no node for.
type nodeSeeker struct {
	*cluster
	state *state
	calls *callPods

	told string // what was logged last; of the sweep alone
}

// NoNode says why no node takes generic workers of the runtime, "" unless one waits for a node and
// no room would help.
func (n *nodeSeeker) NoNode(runtimeID string) string {
	_, generic, _ := n.state.pool(runtimeID)
	for _, w := range generic {
		if said := unscheduled(w.pod); w.health == starting && said != "" && !full(said) {
			return said
		}
	}
	return ""
}

// nodeless are the workers and calls' pods that the scheduler finds no node for.
type nodeless struct {
	count int
	since time.Time // of the one that waits the longest
	said  string    // by the scheduler of that one
}

func (n *nodeless) add(pod *corev1.Pod) {
	said := unscheduled(pod)
	if said == "" || pod.DeletionTimestamp != nil {
		return
	}
	n.count++
	if since := pod.CreationTimestamp.Time; n.said == "" || since.Before(n.since) {
		n.since, n.said = since, said
	}
}

// nodeless looks for pods of ours without a node.
func (n *nodeSeeker) nodeless() (found nodeless) {
	n.state.eachPod(found.add)
	n.calls.each(found.add)
	return found
}

// Register has the registry show how many pods of the cluster have no node.
func (n *nodeSeeker) Register(registry prometheus.Registerer) {
	registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name:        "faas_workers_without_node",
		Help:        "Pods of workers and calls that the scheduler finds no node for; the log has its words.",
		ConstLabels: prometheus.Labels{"cluster": n.cfg.Cluster},
	}, func() float64 { return float64(n.nodeless().count) }))
}

// nodelessFor is how long a pod must have waited for a node to be worth a line: one that is short
// of room gets it from a worker that ends.
const nodelessFor = 15 * time.Second

// tellOfNodeless logs what the scheduler says of pods that have waited for a node, once for each
// thing that it says.
func (n *nodeSeeker) tellOfNodeless(now time.Time) {
	found := n.nodeless()
	switch {
	case found.count == 0 && n.told != "":
		n.log.Info("all workers have a node again")
		n.told = ""
	case found.count > 0 && now.Sub(found.since) >= nodelessFor && found.said != n.told:
		n.log.Warn("workers find no node: see node_selector, tolerations and the nodes' room",
			"workers", found.count, "waiting_since", found.since, "scheduler", found.said)
		n.told = found.said
	}
}
