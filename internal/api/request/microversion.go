package request

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/openstack-faas/faas/internal/faas"
)

// ServiceType is what the catalogue, and the header of microversions, call this service.
const ServiceType = "function-engine"

// MicroversionHeader names the version of the API that a request is meant for, and that its answer
// is of.
const MicroversionHeader = "Openstack-Api-Version"

// Microversion is one state of the v1 API. Clients that ask for none get the first, whatever we
// add.
type Microversion struct{ Major, Minor int }

// The microversions that there are, which docs/admin/microversions.md explains. V10 is Qinling's
// v1.
var (
	V10  = Microversion{1, 0}
	V11  = Microversion{1, 1}  // quotas, limits, roles of functions
	V12  = Microversion{1, 2}  // executions of a function are purged
	V13  = Microversion{1, 3}  // signatures, expiry, limits, raw bodies, results and new URLs of webhooks
	V14  = Microversion{1, 4}  // canaries of aliases
	V15  = Microversion{1, 5}  // time zones and reasons of jobs
	V16  = Microversion{1, 6}  // names in the place of ids
	V17  = Microversion{1, 7}  // executions are cancelled, and have that status
	V18  = Microversion{1, 8}  // digests of images, users of private registries
	V19  = Microversion{1, 9}  // interpreters and modules of runtimes
	V110 = Microversion{1, 10} // triggers, also of executions; destinations of functions
	V111 = Microversion{1, 11} // statistics
	V112 = Microversion{1, 12} // placement of runtimes
	V113 = Microversion{1, 13} // events of executions
	V114 = Microversion{1, 14} // environment and secrets of functions
	V115 = Microversion{1, 15} // retention of functions

	// MinVersion is what clients have that ask for none.
	MinVersion = V10
	// MaxVersion is the latest.
	MaxVersion = V115
)

// String returns 1.N.
func (v Microversion) String() string { return strconv.Itoa(v.Major) + "." + strconv.Itoa(v.Minor) }

// AtLeast reports whether what came with the other version is there.
func (v Microversion) AtLeast(other Microversion) bool {
	return v.Major > other.Major || v.Major == other.Major && v.Minor >= other.Minor
}

// versioned reports whether the path is of the API proper, whose answers are of some microversion.
func versioned(path string) bool { return path == "/v1" || strings.HasPrefix(path, "/v1/") }

// SetVersion settles which version a request is for and says so in the answer. One that cannot be
// had is refused by the route, so that discovery answers everyone.
func (i *Info) SetVersion(w http.ResponseWriter, r *http.Request) {
	i.Version = MinVersion
	if !versioned(r.URL.Path) {
		return
	}
	i.Version, i.VersionErr = askedVersion(r.Header[MicroversionHeader])
	h := w.Header()
	h[MicroversionHeader] = []string{ServiceType + " " + i.Version.String()}
	h["Vary"] = append(h["Vary"], "OpenStack-API-Version")
}

// askedVersion finds ours among the services that the header's values name; there may be several,
// separated by commas. With the error comes the version that its answer is of.
func askedVersion(values []string) (Microversion, error) {
	asked, found := "", false
	for _, value := range values {
		for one := range strings.SplitSeq(value, ",") {
			service, version, _ := strings.Cut(strings.TrimSpace(one), " ")
			if !strings.EqualFold(service, ServiceType) {
				continue
			}
			version = strings.TrimSpace(version)
			if found && version != asked {
				return MinVersion, faas.Errorf(
					faas.Invalid, "OpenStack-API-Version names two versions of %s: %q and %q.", ServiceType,
					Short(asked), Short(version),
				)
			}
			asked, found = version, true
		}
	}
	if !found {
		return MinVersion, nil
	}
	return parseVersion(asked)
}

func parseVersion(text string) (Microversion, error) {
	if text == "latest" {
		return MaxVersion, nil
	}
	majorText, minorText, _ := strings.Cut(text, ".")
	major, ok1 := digits(majorText)
	minor, ok2 := digits(minorText)
	v := Microversion{major, minor}
	switch {
	case !ok1 || !ok2:
		return MinVersion, faas.Errorf(
			faas.Invalid, "The version in OpenStack-API-Version must be like %s, or latest; it is %q.", MaxVersion, Short(text),
		)
	case !v.AtLeast(MinVersion) || !MaxVersion.AtLeast(v):
		return MinVersion, faas.Errorf(
			faas.NoSuchVersion, "Version %s is not supported by the API. The minimum is %s and the maximum is %s.", v,
			MinVersion, MaxVersion,
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
