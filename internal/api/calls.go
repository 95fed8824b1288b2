package api

import "github.com/openstack-faas/faas/internal/api/request"

// CallInfo tells of one call of the API, for those who document it.
type CallInfo struct {
	Method, Path string
	Rule         string // "" for a call that is open to all
	Since        request.Microversion
}

// Calls lists every call of the API, in the order of routes.go.
func Calls() []CallInfo {
	var calls []CallInfo
	for _, rt := range (&handlers{}).routes() {
		calls = append(calls, CallInfo{Method: rt.method, Path: rt.path, Rule: rt.rule, Since: rt.since})
	}
	return calls
}
