package outbound

import (
	"net/netip"
	"slices"
)

// Networks say which addresses requests may go to. What is not public is closed. Where blocks of
// Denied (or the built-in ones) and of Allowed overlap, the narrower one decides; of two that are
// equal, Allowed.
type Networks struct {
	Denied  []netip.Prefix // beside all that is not public
	Allowed []netip.Prefix // although they are not public, or lie within a block of Denied
}

// notPublic are the blocks that are no part of the public internet: IANA's registries of
// special-purpose addresses, and what is not assigned. Of IPv6 only 2000::/3 is public: outside of
// it are, among others, the unspecified and loopback addresses, unique local addresses, link-local
// ones, multicast, and IPv4 within IPv6.
var notPublic = prefixes(
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
	"192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
	"224.0.0.0/4", "240.0.0.0/4",
	"::/3", "4000::/2", "8000::/1",
	"2001::/23",     // protocol assignments: Teredo and other tunnels
	"2001:db8::/32", // documentation
	"2002::/16",     // 6to4
	"3fff::/20",     // documentation
)

// Blocks of IPv6 in which an address of IPv4 stands, by the byte that it begins at. A gateway of
// such a block leads on to that address.
var translated = []struct {
	block netip.Prefix
	at    int
}{
	{netip.MustParsePrefix("64:ff9b::/96"), 12}, // NAT64
	{netip.MustParsePrefix("2002::/16"), 2},     // 6to4
	{netip.MustParsePrefix("::/96"), 12},        // compatible with IPv4, as it was called once
}

func prefixes(texts ...string) (all []netip.Prefix) {
	for _, text := range texts {
		all = append(all, netip.MustParsePrefix(text))
	}
	return all
}

// Permit reports whether requests may go to the address.
func (n Networks) Permit(a netip.Addr) bool {
	if !a.IsValid() || a.Zone() != "" {
		return false
	}
	a = a.Unmap() // who connects to ::ffff:127.0.0.1 connects to 127.0.0.1
	if !n.permitOne(a) {
		return false
	}
	if a.Is4() {
		return true
	}
	for _, t := range translated {
		if t.block.Contains(a) {
			bytes := a.As16()
			inner, _ := netip.AddrFromSlice(bytes[t.at : t.at+4])
			return n.permitOne(inner)
		}
	}
	return true
}

func (n Networks) permitOne(a netip.Addr) bool {
	return narrowest(n.Allowed, a) >= max(narrowest(n.Denied, a), narrowest(notPublic, a))
}

// narrowest returns how many bits the narrowest of the blocks has that the address is in; -1 for
// none.
func narrowest(blocks []netip.Prefix, a netip.Addr) int {
	bits := -1
	for _, b := range blocks {
		if b.Contains(a) {
			bits = max(bits, b.Bits())
		}
	}
	return bits
}

// permitAll reports whether requests may go to every one of the addresses, of which there is one at
// least.
func (n Networks) permitAll(all []netip.Addr) bool {
	return len(all) > 0 && !slices.ContainsFunc(all, func(a netip.Addr) bool { return !n.Permit(a) })
}
