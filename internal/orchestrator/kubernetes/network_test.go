package kubernetes

import (
	"net/netip"
	"slices"
	"testing"

	netv1 "k8s.io/api/networking/v1"
)

// reaches reports whether the policy lets a worker out to the TCP or UDP port of the address: what
// NetworkPolicy means by rules, address blocks and exceptions.
func reaches(t *testing.T, spec netv1.NetworkPolicySpec, address string, number int32) bool {
	t.Helper()
	if !slices.Contains(spec.PolicyTypes, netv1.PolicyTypeEgress) {
		return true
	}
	to := netip.MustParseAddr(address)
	return slices.ContainsFunc(spec.Egress, func(rule netv1.NetworkPolicyEgressRule) bool {
		named := func(p netv1.NetworkPolicyPort) bool { return p.Port.IntVal == number }
		if len(rule.To) == 0 {
			t.Error("a rule without peers opens everything")
		}
		return (len(rule.Ports) == 0 || slices.ContainsFunc(rule.Ports, named)) &&
			slices.ContainsFunc(rule.To, func(peer netv1.NetworkPolicyPeer) bool { return holds(t, peer.IPBlock, to) })
	})
}

// holds reports whether the address is in the block and in none of its exceptions. It also checks
// what some networks demand: exceptions lie within the block, and do not overlap.
func holds(t *testing.T, block *netv1.IPBlock, address netip.Addr) bool {
	t.Helper()
	all := netip.MustParsePrefix(block.CIDR)
	excepted := false
	for i, text := range block.Except {
		except := netip.MustParsePrefix(text)
		if !within(except, all) {
			t.Errorf("%s does not lie within %s", except, all)
		}
		for _, other := range block.Except[:i] {
			if netip.MustParsePrefix(other).Overlaps(except) {
				t.Errorf("the exceptions %s and %s overlap", other, except)
			}
		}
		excepted = excepted || except.Contains(address)
	}
	return all.Contains(address) && !excepted
}

var (
	publicIPv4 = []string{
		"1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255",
		"128.0.0.0", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "192.0.1.0", "192.0.3.0",
		"192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0", "198.51.99.255", "198.51.101.0",
		"203.0.112.255", "203.0.114.0", "223.255.255.255",
	}
	closedIPv4 = []string{
		"0.0.0.0", "0.255.255.255", "10.0.0.0", "10.255.255.255", "100.64.0.0", "100.127.255.255", "127.0.0.1",
		"127.255.255.255", "169.254.0.0", "169.254.169.254", "169.254.255.255", "172.16.0.0", "172.31.255.255",
		"192.0.0.0", "192.0.0.255", "192.0.2.0", "192.0.2.255", "192.88.99.1", "192.168.0.0", "192.168.255.255",
		"198.18.0.0", "198.19.255.255", "198.51.100.0", "198.51.100.255", "203.0.113.0", "203.0.113.255",
		"224.0.0.0", "224.0.0.251", "239.255.255.255", "240.0.0.0", "255.255.255.254", "255.255.255.255",
	}
	publicIPv6 = []string{
		"2000::", "2001:200::", "2001:4860:4860::8888", "2001:db7:ffff::", "2001:db9::", "2003::", "2606:4700::1111",
		"3ffe:ffff::", "3fff:1000::",
	}
	closedIPv6 = []string{
		"::", "::1", "::10.0.0.1", "::ffff:10.0.0.1", "::ffff:8.8.8.8", "64:ff9b::a00:1", "64:ff9b:1::1", "100::1",
		"1fff::", "2001::1", "2001:1ff::", "2001:db8::1", "2001:db8:ffff::", "2002:a00:1::", "3fff::", "3fff:fff::",
		"4000::", "5f00::1", "fc00::", "fd00::1", "fdff:ffff::", "fe80::1", "febf::", "fec0::1", "ff00::", "ff02::1",
		"ffff:ffff::",
	}
)

func check(t *testing.T, network Network, want map[bool][]string) {
	t.Helper()
	cfg := testConfig(t)
	cfg.Network = network
	spec := cfg.policy().Spec
	for open, addresses := range want {
		for _, address := range addresses {
			if reaches(t, spec, address, 443) != open {
				t.Errorf("%+v: %s: want reached %v", network, address, open)
			}
		}
	}
}

func TestOnlyThePublicInternetIsReached(t *testing.T) {
	check(t, Network{}, map[bool][]string{
		true:  publicIPv4,
		false: slices.Concat(closedIPv4, publicIPv6, closedIPv6), // without egress_allow IPv6 is closed
	})
}

// Whoever opens IPv6, or more of IPv4 than they mean, must not open what is within by the way.
func TestWideBlocksOpenOnlyWhatIsPublic(t *testing.T) {
	check(t, Network{Allow: []string{"::/0", "0.0.0.0/0"}}, map[bool][]string{
		true:  slices.Concat(publicIPv4, publicIPv6),
		false: slices.Concat(closedIPv4, closedIPv6),
	})
	check(t, Network{Allow: []string{"2000::/3"}}, map[bool][]string{
		true:  slices.Concat(publicIPv4, publicIPv6),
		false: slices.Concat(closedIPv4, closedIPv6),
	})
}

func TestTheNarrowerBlockDecides(t *testing.T) {
	check(t, Network{
		Allow: []string{"10.0.0.0/8", "198.18.5.0/24", "fd12::/16", "203.0.113.7/32"},
		Deny:  []string{"10.9.0.0/16", "8.8.0.0/16", "8.8.8.0/24", "fd12:1::/32", "203.0.113.0/24"},
	}, map[bool][]string{
		true:  {"10.8.0.1", "198.18.5.1", "fd12:2::1", "203.0.113.7", "8.9.0.1", "1.1.1.1"},
		false: {"10.9.0.1", "198.18.6.1", "fd12:1::1", "203.0.113.8", "8.8.8.8", "8.8.9.9", "fd13::1", "192.168.0.1"},
	})
	check(t, Network{Allow: []string{"100.64.0.0/10"}, Deny: []string{"0.0.0.0/0"}}, map[bool][]string{
		true:  {"100.64.0.1"},
		false: {"1.1.1.1", "10.0.0.1", "100.128.0.1"},
	})
	check(t, Network{Deny: []string{"0.0.0.0/0"}}, map[bool][]string{false: publicIPv4})
}
