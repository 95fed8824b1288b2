package main

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
)

func pod(namespace, role, address string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: role + address, Labels: map[string]string{"role": role}},
		Status:     corev1.PodStatus{PodIP: address, Phase: corev1.PodRunning},
	}
}

func role(name string) *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchLabels: map[string]string{"role": name}}
}

func testCluster(spec netv1.NetworkPolicySpec) cluster {
	ended, host := pod("a", "worker", "10.0.0.8"), pod("a", "worker", "10.0.0.9")
	ended.Status.Phase, host.Spec.HostNetwork = corev1.PodFailed, true
	return cluster{
		pods: []*corev1.Pod{
			pod("a", "worker", "10.0.0.2"), pod("a", "worker", "10.0.0.1"), pod("a", "api", "10.0.0.3"),
			pod("b", "worker", "10.0.0.4"), pod("b", "api", "10.0.0.5"), ended, host,
		},
		namespaces: map[string]labels.Set{"a": {"tier": "faas"}, "b": {"tier": "other"}},
		policies:   []*netv1.NetworkPolicy{{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "p"}, Spec: spec}},
	}
}

func TestRules(t *testing.T) {
	const workers = "{ 10.0.0.1, 10.0.0.2 }"
	port, named, end := intstr.FromInt32(80), intstr.FromString("http"), int32(90)
	udp := corev1.ProtocolUDP
	other := &metav1.LabelSelector{MatchLabels: map[string]string{"tier": "other"}}
	type peers = []netv1.NetworkPolicyPeer
	type ports = []netv1.NetworkPolicyPort
	blockOf := func(cidr string, except ...string) peers {
		return peers{{IPBlock: &netv1.IPBlock{CIDR: cidr, Except: except}}}
	}
	both := []netv1.PolicyType{netv1.PolicyTypeIngress, netv1.PolicyTypeEgress}
	tests := map[string]struct {
		types   []netv1.PolicyType
		peers   peers
		ports   ports
		allowed string // the ingress chain's matches
	}{
		"everything": {both, nil, nil, "ip daddr " + workers},
		"pods":       {both, peers{{PodSelector: role("api")}}, nil, "ip daddr " + workers + " ip saddr { 10.0.0.3 }"},
		"namespace": {
			both, peers{{NamespaceSelector: other}}, nil, "ip daddr " + workers + " ip saddr { 10.0.0.4, 10.0.0.5 }",
		},
		"pods of it": {
			both, peers{{NamespaceSelector: other, PodSelector: role("api")}}, nil,
			"ip daddr " + workers + " ip saddr { 10.0.0.5 }",
		},
		"nobody": {both, peers{{PodSelector: role("none")}}, nil, ""},
		"block": {
			both, blockOf("0.0.0.0/0", "10.0.0.0/8"), nil,
			"ip daddr " + workers + " ip saddr 0.0.0.0/0 ip saddr != { 10.0.0.0/8 }",
		},
		"block with gaps": {
			both, blockOf("0.0.0.0/0", "198.18.0.0/15", "224.0.0.0/4", "240.0.0.0/4"), nil,
			"ip daddr " + workers + " ip saddr 0.0.0.0/0 ip saddr != { 198.18.0.0/15, 224.0.0.0/4, 240.0.0.0/4 }",
		},
		"block of IPv6": {both, blockOf("::/0"), nil, ""},
		"hostile block": {both, blockOf("0.0.0.0/0 accept"), nil, ""},
		"port":          {both, nil, ports{{Port: &port}}, "ip daddr " + workers + " tcp dport 80"},
		"range": {
			both, nil, ports{{Port: &port, EndPort: &end, Protocol: &udp}},
			"ip daddr " + workers + " udp dport 80-90",
		},
		"protocol":         {both, nil, ports{{Protocol: &udp}}, "ip daddr " + workers + " meta l4proto udp"},
		"named port":       {both, nil, ports{{Port: &named}}, ""},
		"egress not named": {both[:1], nil, nil, "ip daddr " + workers},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c := testCluster(netv1.NetworkPolicySpec{
				PodSelector: *role("worker"), PolicyTypes: test.types,
				Ingress: []netv1.NetworkPolicyIngressRule{{From: test.peers, Ports: test.ports}},
			})
			in := c.chain(ingress)
			if got := strings.Join(in.allowed, "\n"); got != test.allowed {
				t.Errorf("allowed\n%s\nwant\n%s", got, test.allowed)
			}
			if got := set(in.isolated); got != workers {
				t.Errorf("isolated %s, want %s", got, workers)
			}
			if isolated := len(c.chain(egress).isolated) > 0; isolated != (len(test.types) == 2) {
				t.Errorf("egress isolated: %v", isolated)
			}
		})
	}
}

func TestRulesetIsWhole(t *testing.T) {
	c := testCluster(netv1.NetworkPolicySpec{
		PodSelector: *role("worker"), PolicyTypes: []netv1.PolicyType{netv1.PolicyTypeEgress},
	})
	const want = `add table inet faas-netpol
delete table inet faas-netpol
table inet faas-netpol {
  chain ingress {
    drop
  }
  chain egress {
    drop
  }
  chain forward {
    type filter hook forward priority 10; policy accept;
    ct state established,related accept
    ip saddr { 10.0.0.1, 10.0.0.2 } jump egress
  }
  chain input {
    type filter hook input priority 10; policy accept;
    ct state established,related accept
    ip saddr { 10.0.0.1, 10.0.0.2 } jump egress
  }
}
`
	if got := ruleset(c); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
