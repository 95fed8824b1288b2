package dispatch

import (
	"cmp"

	"github.com/openstack-faas/faas/internal/faas"
)

// maxSmall bounds every answer but a call's, and what surrounds output and log in one, in bytes.
const maxSmall = 64 << 10

// Bound sets the greatest size of a call's result and log, in bytes; a zero is the default. It must
// be called before any other method, if at all. Answers that cannot come of such calls are errors.
func (c *Client) Bound(limits faas.ProcessLimits) { c.conns.limits = limits }

// maxAnswer returns how large the answer to a request may be in bytes, its head included.
func maxAnswer(path string, limits faas.ProcessLimits) int64 {
	const escaped = 6 // a byte may be written as \u00XX in JSON
	if path == logPath {
		return escaped*keptLog + maxSmall
	}
	if path != callPath {
		return maxSmall
	}
	def := faas.DefaultProcessLimits()
	return escaped*(cmp.Or(limits.Result, def.Result)+cmp.Or(limits.Log, def.Log)) + maxSmall
}

// callPath is the request whose answer holds what a function gave.
const callPath = "/v1/call"
