package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clients "k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/openstack-faas/faas/cmd/internal/nodes"
	"github.com/openstack-faas/faas/internal/config"
	"github.com/openstack-faas/faas/internal/orchestrator/kubernetes"
)

// settle makes the workers' PriorityClass if there is none of its name, and looks for what else
// workers need of the cluster: their RuntimeClasses, and nodes that take them. An error says that
// workers would wait in vain.
func settle(ctx context.Context, access *rest.Config, k config.Kubernetes, out io.Writer) error {
	client, err := clients.NewForConfig(access)
	if err != nil {
		return err
	}
	return settleBy(ctx, client, k, out)
}

func settleBy(ctx context.Context, client clients.Interface, k config.Kubernetes, out io.Writer) error {
	on, err := nodes.Of(k)
	if err != nil {
		return err
	}
	if err := makePriorityClass(ctx, client, k, out); err != nil {
		return err
	}
	for _, name := range slices.Compact([]string{k.TrustedClass, k.UntrustedClass}) {
		if name == "" {
			continue
		}
		_, err := client.NodeV1().RuntimeClasses().Get(ctx, name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return fmt.Errorf("there is no RuntimeClass %s: no worker of it can be made", name)
		}
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "RuntimeClass %s: is there\n", name)
	}
	all, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	take := 0
	for i := range all.Items {
		if on.Take(&all.Items[i]) {
			take++
		}
	}
	if take == 0 && k.MagnumMaxNodes == 0 { // else the first may have to be made
		return fmt.Errorf("none of the cluster's %d nodes takes workers: %s", len(all.Items), whyNone(on, all.Items))
	}
	_, err = fmt.Fprintf(out, "Nodes: %d of %d take workers\n", take, len(all.Items))
	return err
}

// makePriorityClass leaves one that is there as it is: its value cannot be changed, and it may be
// somebody else's.
func makePriorityClass(ctx context.Context, client clients.Interface, k config.Kubernetes, out io.Writer) error {
	if k.PriorityClass == "" {
		return nil
	}
	classes := client.SchedulingV1().PriorityClasses()
	there, err := classes.Get(ctx, k.PriorityClass, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		_, err = classes.Create(ctx, kubernetes.PriorityClass(k.PriorityClass, int32(k.Priority)), metav1.CreateOptions{})
		if err == nil {
			_, err = fmt.Fprintf(out, "PriorityClass %s: made, with value %d\n", k.PriorityClass, k.Priority)
		}
	case err == nil && int64(there.Value) != k.Priority:
		_, err = fmt.Fprintf(out, "PriorityClass %s: is there with value %d, not %d, and stays so\n",
			k.PriorityClass, there.Value, k.Priority)
	case err == nil:
		_, err = fmt.Fprintf(out, "PriorityClass %s: is as it must be\n", k.PriorityClass)
	}
	if err != nil {
		return fmt.Errorf("PriorityClass %s: %w", k.PriorityClass, err)
	}
	return nil
}

// whyNone says what keeps workers from every node: that none has the labels, or the taints of those
// that have.
func whyNone(on kubernetes.Nodes, all []corev1.Node) string {
	selected := kubernetes.Nodes{Selector: on.Selector}
	var taints []string
	for i := range all {
		node := all[i].DeepCopy()
		had := node.Spec.Taints
		if node.Spec.Taints = nil; !selected.Take(node) {
			continue
		}
		for _, taint := range had {
			node.Spec.Taints = []corev1.Taint{taint}
			if text := taint.ToString(); !on.Take(node) && !slices.Contains(taints, text) {
				taints = append(taints, text)
			}
		}
	}
	if len(taints) == 0 {
		return "none has all labels of node_selector"
	}
	return "tolerations does not name " + strings.Join(taints, " or ")
}
