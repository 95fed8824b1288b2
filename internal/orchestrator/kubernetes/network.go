package kubernetes

import (
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// Network says whom workers may reach and who may reach them. Kubernetes does not say which
// addresses are those of its pods, services and nodes: whoever runs a cluster with public ones must
// name them in Deny, or functions reach kubelets and API server.
//
// Where blocks of Deny (or the built-in ones) and of Allow overlap, the narrower one decides; of
// two that are equal, Allow.
type Network struct {
	// Deny are blocks that functions may not reach, beside every block that is not on the public
	// internet: private, shared (RFC 6598), link-local (the metadata address is one), loopback,
	// multicast and reserved ones. Pods, services and nodes are nearly always in one of those.
	Deny []string
	// Allow are blocks that functions may reach although they are denied: the endpoints of an
	// OpenStack are often private. Of IPv6, functions may reach nothing else.
	Allow []string
	// Resolvers are the name servers of the workers, which they may reach wherever those are.
	// Nil: the node's own, which they reach only if those are not denied.
	Resolvers []string
	// From are blocks from which APIs and engines reach workers when they do not run in the
	// cluster.
	From []string
	// Clients are the pods that reach workers. Nil: the pods of any namespace that carry our label,
	// ClientLabel.
	Clients []netv1.NetworkPolicyPeer
}

// notPublic are the blocks that are no part of the public internet (IANA's registries of
// special-purpose addresses, and what is not assigned), so a packet to one of them can only reach
// something of the operator's. No two of them overlap: some networks refuse a policy in which they
// do.
var notPublic = []string{
	"0.0.0.0/8",       // this network
	"10.0.0.0/8",      // private
	"100.64.0.0/10",   // shared behind a carrier's NAT; many clusters number pods from it
	"127.0.0.0/8",     // loopback
	"169.254.0.0/16",  // link-local: 169.254.169.254 serves the metadata of instances
	"172.16.0.0/12",   // private
	"192.0.0.0/24",    // protocol assignments
	"192.0.2.0/24",    // documentation
	"192.88.99.0/24",  // relays of 6to4, out of use
	"192.168.0.0/16",  // private
	"198.18.0.0/15",   // benchmarks; some clusters number pods from it
	"198.51.100.0/24", // documentation
	"203.0.113.0/24",  // documentation
	"224.0.0.0/4",     // multicast
	"240.0.0.0/4",     // reserved (some clusters number pods from it) and broadcast

	// Of IPv6 only 2000::/3 is public. The other three blocks hold, among others, the unspecified
	// and loopback addresses, IPv4 within IPv6 (::ffff:0:0/96, 64:ff9b::/96), unique local
	// addresses (fc00::/7), link-local ones (fe80::/10) and multicast (ff00::/8).
	"::/3",
	"4000::/2",
	"8000::/1",
	"2001::/23",     // protocol assignments: Teredo and other tunnels
	"2001:db8::/32", // documentation
	"2002::/16",     // 6to4: IPv4 within IPv6
	"3fff::/20",     // documentation
}

// clients returns who may reach a worker's agent.
func (n Network) clients() []netv1.NetworkPolicyPeer {
	peers := n.Clients
	if peers == nil {
		peers = []netv1.NetworkPolicyPeer{{
			NamespaceSelector: &metav1.LabelSelector{},
			PodSelector: &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{
				{Key: ClientLabel, Operator: metav1.LabelSelectorOpIn, Values: ClientNames},
			}},
		}}
	}
	return append(peers[:len(peers):len(peers)], blocks(n.From)...)
}

// egress returns the rules that say what a worker may reach.
func (n Network) egress() []netv1.NetworkPolicyEgressRule {
	var rules []netv1.NetworkPolicyEgressRule
	denied := n.denied()
	if world := netip.MustParsePrefix("0.0.0.0/0"); !slices.Contains(denied, world) {
		rules = append(rules, netv1.NetworkPolicyEgressRule{
			To: []netv1.NetworkPolicyPeer{{IPBlock: blockWithout(world, denied)}},
		})
	}
	if len(n.Allow) > 0 {
		var allowed []netv1.NetworkPolicyPeer
		for _, block := range n.Allow {
			prefix := netip.MustParsePrefix(block) // checked by Config.validate
			allowed = append(allowed, netv1.NetworkPolicyPeer{IPBlock: blockWithout(prefix, denied)})
		}
		rules = append(rules, netv1.NetworkPolicyEgressRule{To: allowed})
	}
	if len(n.Resolvers) > 0 {
		var hosts []string
		for _, resolver := range n.Resolvers {
			address := netip.MustParseAddr(resolver) // checked by Config.validate
			hosts = append(hosts, netip.PrefixFrom(address, address.BitLen()).String())
		}
		rules = append(rules, netv1.NetworkPolicyEgressRule{
			To:    blocks(hosts),
			Ports: []netv1.NetworkPolicyPort{port(corev1.ProtocolUDP, 53), port(corev1.ProtocolTCP, 53)},
		})
	}
	return rules
}

// denied returns the blocks that functions may not reach, each once.
func (n Network) denied() []netip.Prefix {
	var denied []netip.Prefix
	for _, block := range slices.Concat(notPublic, n.Deny) {
		prefix := netip.MustParsePrefix(block) // checked by Config.validate
		if !slices.Contains(denied, prefix) {
			denied = append(denied, prefix)
		}
	}
	return denied
}

// blockWithout returns the prefix with those of the denied blocks as exceptions that lie within it
// and are narrower. An exception that another one contains is left out: some networks refuse
// exceptions that overlap.
func blockWithout(prefix netip.Prefix, denied []netip.Prefix) *netv1.IPBlock {
	block := &netv1.IPBlock{CIDR: prefix.String()}
	for _, d := range denied {
		covered := func(other netip.Prefix) bool { return within(d, other) && within(other, prefix) }
		if within(d, prefix) && !slices.ContainsFunc(denied, covered) {
			block.Except = append(block.Except, d.String())
		}
	}
	return block
}

// within reports whether inner is a part of outer, and not all of it.
func within(inner, outer netip.Prefix) bool {
	return inner.Bits() > outer.Bits() && outer.Overlaps(inner) // Overlaps is false across families
}

func blocks(all []string) []netv1.NetworkPolicyPeer {
	var peers []netv1.NetworkPolicyPeer
	for _, block := range all {
		peers = append(peers, netv1.NetworkPolicyPeer{IPBlock: &netv1.IPBlock{CIDR: block}})
	}
	return peers
}

func port(protocol corev1.Protocol, number int32) netv1.NetworkPolicyPort {
	return netv1.NetworkPolicyPort{Protocol: &protocol, Port: pointer(intstr.FromInt32(number))}
}
