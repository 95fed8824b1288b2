package main

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// rule is one rule of a policy, whichever its direction.
type rule struct {
	peers []netv1.NetworkPolicyPeer
	ports []netv1.NetworkPolicyPort
}

func rulesOf(policy *netv1.NetworkPolicy, d direction) []rule {
	var rules []rule
	if d == ingress {
		for _, r := range policy.Spec.Ingress {
			rules = append(rules, rule{r.From, r.Ports})
		}
		return rules
	}
	for _, r := range policy.Spec.Egress {
		rules = append(rules, rule{r.To, r.Ports})
	}
	return rules
}

// matches is every pair of a peer and a port that the rule names: what nft calls
// a match, beginning with own. No peers means all of them, and so with ports.
func (c cluster) matches(own, namespace string, d direction, r rule) []string {
	peers, ports := []string{""}, []string{""}
	if len(r.peers) > 0 {
		peers = c.peerMatches(namespace, d, r.peers)
	}
	if len(r.ports) > 0 {
		ports = portMatches(r.ports)
	}
	var matches []string
	for _, peer := range peers {
		for _, port := range ports {
			matches = append(matches, strings.Join(strings.Fields(own+" "+peer+" "+port), " "))
		}
	}
	return matches
}

func (c cluster) peerMatches(namespace string, d direction, peers []netv1.NetworkPolicyPeer) []string {
	var matches []string
	for _, p := range peers {
		if p.IPBlock != nil {
			matches = append(matches, blockMatch(d, p.IPBlock)...)
		} else if found := c.addresses(namespace, p.NamespaceSelector, p.PodSelector); len(found) > 0 {
			matches = append(matches, "ip "+d.other+" "+set(found))
		}
	}
	return matches
}

// blockMatch is none for a block of IPv6 addresses: pods have none.
func blockMatch(d direction, block *netv1.IPBlock) []string {
	if prefix, err := netip.ParsePrefix(block.CIDR); err != nil || !prefix.Addr().Is4() {
		return nil
	}
	match := "ip " + d.other + " " + block.CIDR
	if len(block.Except) > 0 {
		match += " ip " + d.other + " != " + set(block.Except)
	}
	return []string{match}
}

func portMatches(ports []netv1.NetworkPolicyPort) []string {
	var matches []string
	for _, p := range ports {
		protocol := "tcp"
		if p.Protocol != nil {
			protocol = strings.ToLower(string(*p.Protocol))
		}
		switch {
		case p.Port == nil:
			matches = append(matches, "meta l4proto "+protocol)
		case p.Port.Type == intstr.String: // a named port opens nothing
		case p.EndPort != nil:
			matches = append(matches, fmt.Sprintf("%s dport %d-%d", protocol, p.Port.IntVal, *p.EndPort))
		default:
			matches = append(matches, fmt.Sprintf("%s dport %d", protocol, p.Port.IntVal))
		}
	}
	return matches
}

// addresses is the sorted addresses of the pods that both selectors select. Without
// one for namespaces that is the policy's own, without one for pods it is all pods.
func (c cluster) addresses(namespace string, namespaces, pods *metav1.LabelSelector) []string {
	var found []string
	for _, p := range c.pods {
		in := p.Namespace == namespace
		if namespaces != nil {
			in = selects(namespaces, c.namespaces[p.Namespace])
		}
		if in && hasAddress(p) && (pods == nil || selects(pods, p.Labels)) {
			found = append(found, p.Status.PodIP)
		}
	}
	slices.Sort(found)
	return found
}

// hasAddress reports whether the pod has an address of its own. One that has ended
// keeps it in its status, while the address may be another pod's by now.
func hasAddress(p *corev1.Pod) bool {
	ended := p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed
	return p.Status.PodIP != "" && !p.Spec.HostNetwork && !ended
}

func selects(s *metav1.LabelSelector, set labels.Set) bool {
	selector, err := metav1.LabelSelectorAsSelector(s)
	return err == nil && selector.Matches(set)
}
