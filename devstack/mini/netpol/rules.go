package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"os/exec"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// cluster is all that the rules depend on.
type cluster struct {
	pods       []*corev1.Pod
	namespaces map[string]labels.Set
	policies   []*netv1.NetworkPolicy
}

// direction is one half of every policy, as seen from the pods that it selects.
type direction struct {
	chain      string
	own, other string // where a packet carries the selected pod's address, and where its peer's
	kind       netv1.PolicyType
}

var (
	ingress = direction{"ingress", "daddr", "saddr", netv1.PolicyTypeIngress}
	egress  = direction{"egress", "saddr", "daddr", netv1.PolicyTypeEgress}
)

// ruleset is the whole table as nft reads it. The same cluster has the same text.
//
// A packet must leave both chains that it is sent through: that of its sender's
// policies and that of its receiver's. The node itself reaches every pod, or no
// probe of the kubelet would; so nothing stands in the way of its own packets.
func ruleset(c cluster) string {
	slices.SortFunc(c.policies, func(a, b *netv1.NetworkPolicy) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	in, out := c.chain(ingress), c.chain(egress)
	var b strings.Builder
	b.WriteString("add table inet faas-netpol\ndelete table inet faas-netpol\ntable inet faas-netpol {\n")
	in.write(&b)
	out.write(&b)
	hook(&b, "forward", out, in)
	hook(&b, "input", out)
	b.WriteString("}\n")
	return b.String()
}

// chain is what the policies of one direction let through.
type chain struct {
	direction
	isolated []string // addresses of the pods that some policy selects
	allowed  []string // matches of what may pass
}

func (c cluster) chain(d direction) chain {
	result := chain{direction: d}
	isolated := map[string]bool{}
	for _, policy := range c.policies {
		targets := c.addresses(policy.Namespace, nil, &policy.Spec.PodSelector)
		if len(targets) == 0 || !slices.Contains(policy.Spec.PolicyTypes, d.kind) {
			continue
		}
		for _, address := range targets {
			isolated[address] = true
		}
		own := "ip " + d.own + " " + set(targets)
		for _, r := range rulesOf(policy, d) {
			result.allowed = append(result.allowed, c.matches(own, policy.Namespace, d, r)...)
		}
	}
	result.isolated = slices.Sorted(maps.Keys(isolated))
	return result
}

func (c chain) write(b *strings.Builder) {
	fmt.Fprintf(b, "  chain %s {\n", c.direction.chain)
	for _, match := range c.allowed {
		fmt.Fprintf(b, "    %s return\n", match)
	}
	b.WriteString("    drop\n  }\n")
}

// hook writes the chain that the kernel calls, after kube-proxy's: a service's
// address is a pod's or the node's by then, and a policy speaks of those.
func hook(b *strings.Builder, name string, chains ...chain) {
	fmt.Fprintf(b, "  chain %s {\n    type filter hook %s priority 10; policy accept;\n", name, name)
	b.WriteString("    ct state established,related accept\n")
	for _, c := range chains {
		if len(c.isolated) > 0 {
			fmt.Fprintf(b, "    ip %s %s jump %s\n", c.own, set(c.isolated), c.direction.chain)
		}
	}
	b.WriteString("  }\n")
}

func set(items []string) string { return "{ " + strings.Join(items, ", ") + " }" }

// load replaces the table in one transaction: there is no moment without rules.
func load(ctx context.Context, rules string) error {
	nft := exec.CommandContext(ctx, "nft", "-f", "-")
	nft.Stdin = strings.NewReader(rules)
	if said, err := nft.CombinedOutput(); err != nil {
		return fmt.Errorf("nft: %w: %s", err, bytes.TrimSpace(said))
	}
	return nil
}
