package auth

import (
	"net/http"
	"strings"

	"github.com/openstack-faas/faas/internal/api/request"
	"github.com/openstack-faas/faas/pkg/keystone"
)

// allowed reports whether one of an application credential's access rules is for the request.
func allowed(rules []keystone.AccessRule, r *http.Request) bool {
	for _, rule := range rules {
		if rule.Service == request.ServiceType && rule.Method == r.Method &&
			matches(strings.Split(rule.Path, "/"), strings.Split(r.URL.Path, "/")) {
			return true
		}
	}
	return false
}

// matches compares a path with a rule's: * and {name} stand for one segment, ** for any number of
// them.
func matches(pattern, path []string) bool {
	for len(pattern) > 0 {
		if pattern[0] == "**" {
			for i := range len(path) + 1 {
				if matches(pattern[1:], path[i:]) {
					return true
				}
			}
			return false
		}
		if len(path) == 0 || !matchesOne(pattern[0], path[0]) {
			return false
		}
		pattern, path = pattern[1:], path[1:]
	}
	return len(path) == 0
}

func matchesOne(pattern, segment string) bool {
	if pattern == "*" || strings.HasPrefix(pattern, "{") && strings.HasSuffix(pattern, "}") {
		return segment != ""
	}
	return pattern == segment
}
