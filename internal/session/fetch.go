package session

import (
	"context"
	"encoding/json"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// fetch requests a token for the entry, unless such a request is under way, and returns a channel
// that is closed when it has ended. All calls of one trust share the request. It runs on after its
// callers have left, so that their retries find its result. The caller holds the lock.
func (s *Sessions) fetch(e *entry) <-chan struct{} {
	if e.flight != nil {
		return e.flight
	}
	flight := make(chan struct{})
	if s.ctx.Err() != nil { // closed
		close(flight)
		return flight
	}
	e.flight = flight
	wanted := want{trust: e.trust, not: e.token, life: e.life}
	s.flying.Go(func() {
		ctx, cancel := context.WithTimeout(s.ctx, s.cfg.Wait)
		defer cancel()
		token, err := s.obtain(ctx, wanted)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.landed(e, token, err)
		e.flight = nil
		close(flight)
	})
	return flight
}

// landed keeps the result of a request. A token that the entry has stays when Keystone cannot be
// asked; it is dropped when Keystone refuses another.
func (s *Sessions) landed(e *entry, token obtained, err error) {
	now := s.cfg.Now()
	e.failed = err
	switch faas.KindOf(err) {
	case "":
		e.session = Session{
			Context: contextOf(token.Token), Token: token.Value, UserID: token.UserID, ExpiresAt: token.ExpiresAt,
		}
		e.token, e.got, e.since, e.checked = token.Value, token.got, now, token.got
	case faas.Forbidden:
		e.session, e.retry = Session{}, now.Add(forbiddenFor)
	default:
		e.retry = now.Add(unavailableFor)
		s.cfg.Log.Warn("Keystone did not issue a token for a function's trust", "trust_id", e.trust, "error", err)
	}
}

// publicInterface is the interface of the endpoints that functions get: their code does not run in
// the operator's network.
const publicInterface = "public"

// contextOf returns the call's context as runtimes know it: docs/runtime-protocol.md.
func contextOf(t Token) json.RawMessage {
	type cloud struct {
		AuthURL   string            `json:"auth_url"`
		Token     string            `json:"token"`
		ExpiresAt string            `json:"expires_at"`
		UserID    string            `json:"user_id"`
		ProjectID string            `json:"project_id"`
		Region    string            `json:"region"`
		Interface string            `json:"interface"`
		Endpoints map[string]string `json:"endpoints"`
	}
	b, _ := json.Marshal(map[string]cloud{"os": { // texts: cannot fail
		AuthURL: t.AuthURL, Token: t.Value.Reveal(), ExpiresAt: t.ExpiresAt.UTC().Format(
			time.RFC3339,
		), UserID: t.UserID, ProjectID: t.ProjectID,
		Region: t.Region, Interface: publicInterface, Endpoints: t.Endpoints,
	}})
	return b
}
