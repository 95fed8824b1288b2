package kubernetes

import (
	"slices"
	"testing"

	netv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/openstack-faas/faas/internal/faas"
)

func TestPolicyIsClosed(t *testing.T) {
	policy := testConfig(t).policy()
	if !slices.Equal(policy.Spec.PolicyTypes, []netv1.PolicyType{netv1.PolicyTypeIngress, netv1.PolicyTypeEgress}) {
		t.Errorf("it is of the types %v", policy.Spec.PolicyTypes)
	}
	if policy.Spec.PodSelector.MatchLabels[labelName] != workerName || len(policy.Spec.PodSelector.MatchLabels) != 1 {
		t.Errorf("it selects %v", policy.Spec.PodSelector)
	}
	if len(policy.Spec.Ingress) != 0 {
		t.Errorf("in may come %+v", policy.Spec.Ingress)
	}
	in := testConfig(t).agentsPolicy(metav1.OwnerReference{}).Spec.Ingress
	if len(in) != 1 || len(in[0].From) != 1 || in[0].Ports[0].Port.IntVal != 8090 {
		t.Fatalf("in to agents may come %+v", in)
	}
	if from := in[0].From[0]; from.PodSelector == nil ||
		!slices.Equal(from.PodSelector.MatchExpressions[0].Values, ClientNames) {
		t.Errorf("in may come %+v", from)
	}
}

// What was nobody's agent may have an agent's address.
func TestOnlyAgentsAreReached(t *testing.T) {
	cfg := testConfig(t)
	selector, err := metav1.LabelSelectorAsSelector(&cfg.agentsPolicy(metav1.OwnerReference{}).Spec.PodSelector)
	if err != nil {
		t.Fatal(err)
	}
	template, err := cfg.template(pythonPool(1))
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		pod  map[string]string
		want bool
	}{
		"a runtime's worker": {template.Labels, true},
		"a server's worker":  {serverPodOf(t, cfg, imageTarget(faas.ProtocolHTTP)).Labels, true},
		"a call":             {callPodOf(t, cfg, imageCall()).Labels, false},
		"a stranger":         {map[string]string{"app": "other"}, false},
	} {
		if selector.Matches(labels.Set(test.pod)) != test.want {
			t.Errorf("%s: want reached %v", name, test.want)
		}
	}
}

func TestNetworkAsConfigured(t *testing.T) {
	cfg := testConfig(t)
	cfg.Network = Network{
		Deny:      []string{"203.0.113.0/24", "10.9.0.0/16", "10.0.0.0/8", "2001:db8::/32"},
		Allow:     []string{"10.1.0.0/16", "2001:db8:1::/48"},
		Resolvers: []string{"10.2.0.10", "2001:db8::53"},
		From:      []string{"198.51.100.7/32"},
		Clients: []netv1.NetworkPolicyPeer{
			{PodSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "mine"}}},
		},
	}
	spec := cfg.policy().Spec
	from := cfg.agentsPolicy(metav1.OwnerReference{}).Spec.Ingress[0].From
	if len(from) != 2 || from[0].PodSelector.MatchLabels["app"] != "mine" || from[1].IPBlock.CIDR != "198.51.100.7/32" {
		t.Errorf("in may come %+v", from)
	}
	for address, want := range map[string]bool{
		"10.1.2.3": true, "10.2.3.4": false, "203.0.113.5": false, "2001:db8:1::1": true, "2001:db8:2::1": false,
	} {
		if reaches(t, spec, address, 443) != want {
			t.Errorf("%s: want reached %v", address, want)
		}
	}
	for _, resolver := range cfg.Network.Resolvers {
		if !reaches(t, spec, resolver, 53) || reaches(t, spec, resolver, 443) {
			t.Errorf("the name server %s is not reached at port 53 alone", resolver)
		}
	}
	if pod, err := cfg.podSpec(pythonPool(1)); err != nil ||
		!slices.Equal(pod.DNSConfig.Nameservers, cfg.Network.Resolvers) {
		t.Errorf("workers ask %+v (%v)", pod.DNSConfig, err)
	}
}
