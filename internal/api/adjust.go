package api

import (
	"sync/atomic"

	"github.com/openstack-faas/faas/internal/faas"
)

// adjustable is a value of the configuration that changes while requests are served.
type adjustable[T any] struct{ value atomic.Pointer[T] }

func newAdjustable[T any](v T) *adjustable[T] {
	a := &adjustable[T]{}
	a.set(v)
	return a
}

func (a *adjustable[T]) get() T  { return *a.value.Load() }
func (a *adjustable[T]) set(v T) { a.value.Store(&v) }

// Adjust changes what functions may ask for, and how often each webhook may be called a minute. What
// there is already stays as it is.
func (s *Server) Adjust(limits faas.Limits, webhookCalls int64) {
	s.handlers.functions.limits.set(limits)
	s.handlers.webhooks.limiter.SetMost(webhookCalls)
	s.handlers.triggerDoor.limiter.SetMost(webhookCalls)
}
