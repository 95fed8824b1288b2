package clustergrowth

import (
	"context"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
)

// sight is what there is in the cluster.
type sight struct {
	nodes   []corev1.Node  // of the group
	held    map[string]int // pods on each node, by name; those that every node has are not counted
	waiting int            // workers that the scheduler finds no room for
}

// groupLabel is set by Magnum's drivers on the nodes of a group.
const groupLabel = "magnum.openstack.org/nodegroup"

// see reads nodes and pods.
func (g *Growth) see(ctx context.Context, group string) (sight, error) {
	nodes, err := g.cfg.Client.Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return sight{}, err
	}
	// Of all namespaces: a node with somebody else's pod is not empty.
	pods, err := g.cfg.Client.Pods("").List(ctx, metav1.ListOptions{})
	if err != nil {
		return sight{}, err
	}
	ours, err := labels.Parse(g.cfg.Selector)
	if err != nil {
		return sight{}, err
	}
	seen := sight{nodes: ofGroup(nodes.Items, group), held: map[string]int{}}
	for _, pod := range pods.Items {
		switch {
		case pod.Spec.NodeName != "":
			if holds(&pod) {
				seen.held[pod.Spec.NodeName]++
			}
		case pod.Namespace == g.cfg.Namespace && ours.Matches(labels.Set(pod.Labels)) && unschedulable(&pod):
			seen.waiting++
		}
	}
	return seen, nil
}

// ofGroup returns the nodes that Magnum has labelled with the group; where no node has such a label
// at all, those that are no part of the control plane.
func ofGroup(nodes []corev1.Node, group string) (found []corev1.Node) {
	labelled := false
	for _, node := range nodes {
		_, has := node.Labels[groupLabel]
		labelled = labelled || has
	}
	for _, node := range nodes {
		_, control := node.Labels["node-role.kubernetes.io/control-plane"]
		if labelled && node.Labels[groupLabel] == group || !labelled && !control {
			found = append(found, node)
		}
	}
	return found
}

// holds reports whether the pod keeps its node from being empty: all but what has ended, and what
// every node has.
func holds(pod *corev1.Pod) bool {
	if pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
		return false
	}
	for _, owner := range pod.OwnerReferences {
		if owner.Kind == "DaemonSet" || owner.Kind == "Node" {
			return false
		}
	}
	return true
}

func unschedulable(pod *corev1.Pod) bool {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodScheduled {
			return pod.DeletionTimestamp == nil && c.Status == corev1.ConditionFalse &&
				c.Reason == corev1.PodReasonUnschedulable
		}
	}
	return false
}

// remember notes since when nodes have held nothing. One that somebody has closed to pods is theirs
// to deal with.
func (g *Growth) remember(seen sight) {
	now, before := time.Now(), g.empty
	g.empty = map[string]time.Time{}
	for _, node := range seen.nodes {
		if seen.held[node.Name] > 0 || node.Spec.Unschedulable {
			continue
		}
		g.empty[node.Name] = now
		if since, was := before[node.Name]; was {
			g.empty[node.Name] = since
		}
	}
}

// longestEmpty returns the node that has held nothing for longest; nil for none.
func (g *Growth) longestEmpty(seen sight) (longest *corev1.Node, since time.Time) {
	for _, node := range seen.nodes {
		at, empty := g.empty[node.Name]
		if empty && (longest == nil || at.Before(since)) {
			longest, since = &node, at
		}
	}
	return longest, since
}

// serverOf returns the id of a node's server in Nova, by which Magnum removes it.
func serverOf(node *corev1.Node) string {
	if id := node.Spec.ProviderID; id != "" {
		return id[strings.LastIndex(id, "/")+1:] // openstack://REGION/ID
	}
	return strings.ToLower(node.Status.NodeInfo.SystemUUID)
}

// closedHere is the annotation of nodes that this package has closed to pods.
const closedHere = "openstack-faas/closed"

// cordon closes the node to pods, or opens it again.
func (g *Growth) cordon(ctx context.Context, node string, closed bool) error {
	mark := "null"
	if closed {
		mark = `"true"`
	}
	patch := fmt.Appendf(nil, `{"metadata": {"annotations": {%q: %s}}, "spec": {"unschedulable": %t}}`,
		closedHere, mark, closed)
	_, err := g.cfg.Client.Nodes().Patch(ctx, node, types.MergePatchType, patch, metav1.PatchOptions{})
	return err
}
