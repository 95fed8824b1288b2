// Package nodes turns what the configuration says of the nodes of workers into what Kubernetes
// takes. It stands apart for programs that do not speak to Kubernetes: they need not hold its
// types.
package nodes

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/openstack-faas/faas/internal/config"
	"github.com/openstack-faas/faas/internal/orchestrator/kubernetes"
)

// Of returns on which nodes of a cluster workers are put.
func Of(k config.Kubernetes) (kubernetes.Nodes, error) {
	selector, err := k.NodeLabels()
	if err != nil {
		return kubernetes.Nodes{}, err
	}
	tolerated, err := k.Tolerated()
	if err != nil {
		return kubernetes.Nodes{}, err
	}
	nodes := kubernetes.Nodes{Selector: selector, Priority: k.PriorityClass, Spread: k.SpreadOver}
	for _, t := range tolerated {
		one := corev1.Toleration{
			Key: t.Key, Operator: corev1.TolerationOpEqual, Value: t.Value, Effect: corev1.TaintEffect(t.Effect),
		}
		if t.Any {
			one.Operator = corev1.TolerationOpExists
		}
		nodes.Tolerations = append(nodes.Tolerations, one)
	}
	return nodes, nil
}
