package outbound

import (
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/openstack-faas/faas/internal/faas"
)

// maxURL is how many bytes a URL may have.
const maxURL = 2048

// Parse reads a URL that a tenant names. An error, of kind faas.Invalid, says what is wrong with it
// and what would be right, in a sentence that begins with it. Whether its host may be reached is
// not asked.
func Parse(text string) (*url.URL, error) {
	wrong := func(why string) error { return faas.Errorf(faas.Invalid, "The URL %s", why) }
	if len(text) > maxURL {
		return nil, wrong("has more than " + strconv.Itoa(maxURL) + " bytes.")
	}
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, wrong("is malformed; it must be like https://example.org/path.")
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, wrong("must begin with https:// or http://.")
	case u.User != nil:
		return nil, wrong("must not have a user or a password.")
	case u.Opaque != "" || u.Hostname() == "":
		return nil, wrong("has no host; it must be like https://example.org/path.")
	case u.Fragment != "":
		return nil, wrong("must not have a fragment (#).")
	}
	if !sound(u.Hostname()) {
		return nil, wrong("has a host that is neither a name nor an address as in 192.0.2.1 or [2001:db8::1].")
	}
	if !usable(u) {
		return nil, wrong("has a port that is not for HTTP: it must be 80, 443, or one from 1024 on.")
	}
	return u, nil
}

// usable reports whether the port may be asked: those below 1024 are of other protocols but for
// two.
func usable(u *url.URL) bool {
	text := u.Port()
	if text == "" {
		return !strings.HasSuffix(u.Host, ":")
	}
	port, err := strconv.ParseUint(text, 10, 16)
	return err == nil && (port == 80 || port == 443 || port >= 1024)
}

// sound reports whether a host is a name or an address in the one form that everybody reads alike.
// Some resolvers take 2130706433, 0x7f.1 and 0177.1 for 127.0.0.1.
func sound(host string) bool {
	if _, ok := literal(host); ok {
		return true
	}
	name := strings.TrimSuffix(host, ".")
	if name == "" || len(name) > 253 {
		return false
	}
	labels := strings.Split(name, ".")
	for _, label := range labels {
		if label == "" || len(label) > 63 || strings.Trim(strings.ToLower(label), letters) != "" {
			return false
		}
	}
	last := strings.ToLower(labels[len(labels)-1])
	return strings.Trim(last, "0123456789") != "" && !strings.HasPrefix(last, "0x")
}

const letters = "abcdefghijklmnopqrstuvwxyz0123456789-_"

// literal returns the address that a host is; false for a name.
func literal(host string) (netip.Addr, bool) {
	a, err := netip.ParseAddr(strings.TrimSuffix(host, "."))
	return a, err == nil && a.Zone() == ""
}
