package kubernetes

import (
	"context"
	"fmt"
	"sync"

	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/podlayout"
)

// policyName is the NetworkPolicy of all our pods. It owns pools and workers: Kubernetes deletes
// them with it, so that no worker ever runs without it, and uninstalling leaves nothing behind.
const policyName = "faas-workers"

// agentsPolicyName is the NetworkPolicy that lets our services reach the port of an agent.
const agentsPolicyName = "faas-agents"

// policy returns the NetworkPolicy of all workers. It lets nobody in, and out only what it names.
func (c Config) policy() *netv1.NetworkPolicy {
	return &netv1.NetworkPolicy{
		ObjectMeta: metav1.ObjectMeta{
			Name: policyName, Namespace: c.Namespace, Labels: map[string]string{labelName: workerName},
		},
		Spec: netv1.NetworkPolicySpec{
			PodSelector: metav1.LabelSelector{MatchLabels: map[string]string{labelName: workerName}},
			PolicyTypes: []netv1.PolicyType{netv1.PolicyTypeIngress, netv1.PolicyTypeEgress},
			Egress:      c.Network.egress(),
		},
	}
}

// agentsPolicy returns the NetworkPolicy that lets our services reach agents. It leaves out the
// pods of calls, which have no agent: such a pod may get the address of a worker that is gone, and
// what listens there is a stranger's.
func (c Config) agentsPolicy(owner metav1.OwnerReference) *netv1.NetworkPolicy {
	from := c.Network.clients()
	if c.Gateway != nil {
		from = append(from, netv1.NetworkPolicyPeer{ // of this namespace
			PodSelector: &metav1.LabelSelector{MatchLabels: map[string]string{labelName: GatewayName}},
		})
	}
	return &netv1.NetworkPolicy{
		ObjectMeta: metav1.ObjectMeta{
			Name: agentsPolicyName, Namespace: c.Namespace,
			Labels: map[string]string{labelName: workerName}, OwnerReferences: []metav1.OwnerReference{owner},
		},
		Spec: netv1.NetworkPolicySpec{
			PodSelector: metav1.LabelSelector{
				MatchLabels: map[string]string{labelName: workerName},
				MatchExpressions: []metav1.LabelSelectorRequirement{
					{Key: labelProtocol, Operator: metav1.LabelSelectorOpNotIn, Values: []string{string(faas.ProtocolRun)}},
				},
			},
			PolicyTypes: []netv1.PolicyType{netv1.PolicyTypeIngress},
			Ingress: []netv1.NetworkPolicyIngressRule{{
				From:  from,
				Ports: []netv1.NetworkPolicyPort{port(corev1.ProtocolTCP, podlayout.Port)},
			}},
		},
	}
}

// policies keeps the NetworkPolicies of our pods.
type policies struct {
	*cluster

	mu    sync.Mutex
	known *netv1.NetworkPolicy // the workers' one as an informer showed it last; nil: there is none
}

// ensure creates or updates both NetworkPolicies and returns the workers' one.
func (p *policies) ensure(ctx context.Context) (policy *netv1.NetworkPolicy, err error) {
	if policy, err = p.apply(ctx, p.cfg.policy()); err != nil {
		return nil, err
	}
	_, err = p.apply(ctx, p.cfg.agentsPolicy(ownedBy(policy)))
	return policy, err
}

func (p *policies) apply(
	ctx context.Context, want *netv1.NetworkPolicy,
) (policy *netv1.NetworkPolicy, err error) {
	err = retry(ctx, func(ctx context.Context) error {
		policy, err = p.try(ctx, want)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("network policy %s/%s: %w", want.Namespace, want.Name, err)
	}
	return policy, nil
}

func (p *policies) try(ctx context.Context, want *netv1.NetworkPolicy) (*netv1.NetworkPolicy, error) {
	policies := p.client.NetworkPolicies(want.Namespace)
	have, err := policies.Get(ctx, want.Name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		made, err := policies.Create(ctx, want, metav1.CreateOptions{})
		return made, retryConflict(err)
	case err != nil:
		return nil, err
	case equality.Semantic.DeepEqual(have.Spec, want.Spec) &&
		equality.Semantic.DeepEqual(have.OwnerReferences, want.OwnerReferences):
		return have, nil
	}
	next := have.DeepCopy()
	next.Spec, next.OwnerReferences = want.Spec, want.OwnerReferences
	next, err = policies.Update(ctx, next, metav1.UpdateOptions{})
	return next, retryConflict(err)
}

// owner returns the owner of pools and workers: the policy as it is in the cluster.
func (p *policies) owner(ctx context.Context) (metav1.OwnerReference, error) {
	p.mu.Lock()
	policy := p.known
	p.mu.Unlock()
	if policy == nil {
		var err error
		if policy, err = p.ensure(ctx); err != nil {
			return metav1.OwnerReference{}, err
		}
	}
	return ownedBy(policy), nil
}

// changed records what an informer reports of a policy.
func (p *policies) changed(policy *netv1.NetworkPolicy) {
	if policy.Name == policyName {
		p.note(policy)
	}
}

// deleted records that a policy does not exist any more.
func (p *policies) deleted(policy *netv1.NetworkPolicy) {
	switch policy.Name {
	case agentsPolicyName:
		p.log.Error("the agents' network policy was deleted: no worker can be reached; " +
			"it is made again with the next pool that is set")
	case policyName:
		p.note(nil)
		p.log.Error("the workers' network policy was deleted, and Kubernetes ends all workers with it; " +
			"it is made again with the next pool that is set")
	}
}

func (p *policies) note(policy *netv1.NetworkPolicy) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.known = policy
}

func ownedBy(policy *netv1.NetworkPolicy) metav1.OwnerReference {
	return metav1.OwnerReference{
		APIVersion: netv1.SchemeGroupVersion.String(), Kind: "NetworkPolicy", Name: policy.Name, UID: policy.UID,
	}
}
