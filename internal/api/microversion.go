package api

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/openstack-faas/faas/internal/faas"
)

// serviceType is what the catalogue, and the header of microversions, call this service.
const serviceType = "function-engine"

// microversionHeader names the version of the API that a request is meant for, and that its answer
// is of.
const microversionHeader = "Openstack-Api-Version"

// Microversion is one state of the v1 API. Clients that ask for none get the first, whatever we
// add.
type Microversion struct{ Major, Minor int }

// The microversions that there are, which docs/admin/microversions.md explains. v10 is Qinling's
// v1.
var (
	v10  = Microversion{1, 0}
	v11  = Microversion{1, 1}  // quotas, limits, roles of functions
	v12  = Microversion{1, 2}  // executions of a function are purged
	v13  = Microversion{1, 3}  // signatures, expiry, limits, raw bodies, results and new URLs of webhooks
	v14  = Microversion{1, 4}  // canaries of aliases
	v15  = Microversion{1, 5}  // time zones and reasons of jobs
	v16  = Microversion{1, 6}  // names in the place of ids
	v17  = Microversion{1, 7}  // executions are cancelled, and have that status
	v18  = Microversion{1, 8}  // digests of images, users of private registries
	v19  = Microversion{1, 9}  // interpreters and modules of runtimes
	v110 = Microversion{1, 10} // triggers, also of executions; destinations of functions
	v111 = Microversion{1, 11} // statistics
	v112 = Microversion{1, 12} // placement of runtimes
	v113 = Microversion{1, 13} // events of executions
	v114 = Microversion{1, 14} // environment and secrets of functions
	v115 = Microversion{1, 15} // retention of functions

	minVersion, maxVersion = v10, v115
)

// String returns 1.N.
func (v Microversion) String() string { return strconv.Itoa(v.Major) + "." + strconv.Itoa(v.Minor) }

// AtLeast reports whether what came with the other version is there.
func (v Microversion) AtLeast(other Microversion) bool {
	return v.Major > other.Major || v.Major == other.Major && v.Minor >= other.Minor
}

// versioned reports whether the path is of the API proper, whose answers are of some microversion.
func versioned(path string) bool { return path == "/v1" || strings.HasPrefix(path, "/v1/") }

// setVersion settles which version a request is for and says so in the answer. One that cannot be
// had is refused by the route, so that discovery answers everyone.
func (i *requestInfo) setVersion(w http.ResponseWriter, r *http.Request) {
	i.version = minVersion
	if !versioned(r.URL.Path) {
		return
	}
	i.version, i.versionErr = askedVersion(r.Header[microversionHeader])
	h := w.Header()
	h[microversionHeader] = []string{serviceType + " " + i.version.String()}
	h["Vary"] = append(h["Vary"], "OpenStack-API-Version")
}

// askedVersion finds ours among the services that the header's values name; there may be several,
// separated by commas. With the error comes the version that its answer is of.
func askedVersion(values []string) (Microversion, error) {
	asked, found := "", false
	for _, value := range values {
		for one := range strings.SplitSeq(value, ",") {
			service, version, _ := strings.Cut(strings.TrimSpace(one), " ")
			if !strings.EqualFold(service, serviceType) {
				continue
			}
			version = strings.TrimSpace(version)
			if found && version != asked {
				return minVersion, faas.Errorf(
					faas.Invalid, "OpenStack-API-Version names two versions of %s: %q and %q.", serviceType,
					short(asked), short(version),
				)
			}
			asked, found = version, true
		}
	}
	if !found {
		return minVersion, nil
	}
	return parseVersion(asked)
}

func parseVersion(text string) (Microversion, error) {
	if text == "latest" {
		return maxVersion, nil
	}
	majorText, minorText, _ := strings.Cut(text, ".")
	major, ok1 := digits(majorText)
	minor, ok2 := digits(minorText)
	v := Microversion{major, minor}
	switch {
	case !ok1 || !ok2:
		return minVersion, faas.Errorf(
			faas.Invalid, "The version in OpenStack-API-Version must be like %s, or latest; it is %q.", maxVersion, short(text),
		)
	case !v.AtLeast(minVersion) || !maxVersion.AtLeast(v):
		return minVersion, faas.Errorf(
			faas.NoSuchVersion, "Version %s is not supported by the API. The minimum is %s and the maximum is %s.", v,
			minVersion, maxVersion,
		)
	}
	return v, nil
}

// digits takes a number as a version has it: neither sign nor leading zero, and not longer than
// anyone counts.
func digits(text string) (int, bool) {
	if text == "" || len(text) > 6 || text[0] == '0' && text != "0" {
		return 0, false
	}
	n := 0
	for _, c := range []byte(text) {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, true
}

// bounds adds to a fault about versions what the guidelines ask for: the versions that there are
// and where they are described.
func (d *faultDetail) bounds(base string) {
	d.MinVersion, d.MaxVersion = minVersion.String(), maxVersion.String()
	d.Links = []link{{Rel: "help", Href: base + "/v1"}}
}
