package session

import (
	"context"
	"encoding/json"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/openstack-faas/faas/internal/faas"
)

// Shared is what all processes of the service remember together. What is not there, for whatever
// reason, is got from Keystone. What is there was put there by a process of the service.
type Shared interface {
	Get(kind, id string) (value []byte, ok bool)
	Put(kind, id string, value []byte, life time.Duration)
	Delete(kind, id string)
	// Turn has one process at a time find out what all want to know. It returns nil when found
	// reports that it is there by now; else the caller finds out, and calls finish with whether it
	// did.
	Turn(ctx context.Context, kind, id string, found func() bool) (finish func(ok bool))
}

// sharedKind is what tokens are remembered as, by the ids of their trusts.
const sharedKind = "trust token"

// maxAhead is how far the clock of another process may be ahead. Times from further on are not
// believed: such a token would not be checked for too long.
const maxAhead = 30 * time.Second

// want is which token is asked for: any of the trust's but for one, and not one that is to be
// renewed.
type want struct {
	trust string
	not   faas.Secret
	life  time.Duration // of the calls that want it
}

// obtained is a token, and when Keystone issued it, to this process or another.
type obtained struct {
	Token
	got time.Time
}

// obtain gets a token from the other processes, or from Keystone for all of them.
func (s *Sessions) obtain(ctx context.Context, w want) (token obtained, err error) {
	if s.cfg.Shared == nil {
		return s.issue(ctx, w.trust)
	}
	found := func() (ok bool) {
		token, err, ok = s.recall(w)
		return ok
	}
	if found() {
		return token, err
	}
	finish := s.cfg.Shared.Turn(ctx, sharedKind, w.trust, found)
	if finish == nil {
		return token, err
	}
	token, err = s.issue(ctx, w.trust)
	finish(s.share(w.trust, token, err))
	return token, err
}

// issue has Keystone issue a token.
func (s *Sessions) issue(ctx context.Context, trust string) (obtained, error) {
	token, err := s.cfg.Source.TrustToken(ctx, trust)
	if err != nil {
		s.counts.WithLabelValues("refused").Inc()
	} else {
		s.counts.WithLabelValues("keystone").Inc()
	}
	return obtained{token, s.cfg.Now()}, err
}

// sharedToken is how processes tell each other a token, or why there is none.
type sharedToken struct {
	Refused   string            `json:"refused,omitempty"` // what callers are told; "" for a token
	Token     string            `json:"token"`
	Got       time.Time         `json:"got"`
	ExpiresAt time.Time         `json:"expires_at"`
	UserID    string            `json:"user_id"`
	ProjectID string            `json:"project_id"`
	AuthURL   string            `json:"auth_url"`
	Region    string            `json:"region"`
	Endpoints map[string]string `json:"endpoints"`
}

// recall returns what another process got, if it will do.
func (s *Sessions) recall(w want) (_ obtained, refusal error, ok bool) {
	b, ok := s.cfg.Shared.Get(sharedKind, w.trust)
	if !ok {
		return obtained{}, nil, false
	}
	var t sharedToken
	if bad := json.Unmarshal(b, &t); bad != nil { // of a release that knows better
		return obtained{}, nil, false //nolint:nilerr // it is not there
	}
	if t.Refused != "" {
		return obtained{}, faas.Errorf(faas.Forbidden, "%s", t.Refused), true
	}
	now := s.cfg.Now()
	if t.Token == w.not.Reveal() || t.Got.After(now.Add(maxAhead)) || ending(now, t.Got, t.ExpiresAt, w.life) ||
		t.ExpiresAt.Sub(now) <= expiryMargin {
		return obtained{}, nil, false
	}
	s.counts.WithLabelValues("shared").Inc()
	return obtained{got: t.Got, Token: Token{
		Value: faas.Secret(t.Token), ExpiresAt: t.ExpiresAt, UserID: t.UserID, ProjectID: t.ProjectID,
		AuthURL: t.AuthURL, Region: t.Region, Endpoints: t.Endpoints,
	}}, nil, true
}

// share has the other processes find the token, or that Keystone issues none, and reports whether
// that is known.
func (s *Sessions) share(trust string, o obtained, err error) bool {
	t, life := sharedToken{}, forbiddenFor
	switch faas.KindOf(err) {
	case "":
		t = sharedToken{
			Token: o.Value.Reveal(), Got: o.got, ExpiresAt: o.ExpiresAt, UserID: o.UserID, ProjectID: o.ProjectID,
			AuthURL: o.AuthURL, Region: o.Region, Endpoints: o.Endpoints,
		}
		life = o.ExpiresAt.Sub(s.cfg.Now()) - expiryMargin
	case faas.Forbidden:
		t.Refused = faas.Said(err)
	default:
		return false
	}
	b, _ := json.Marshal(t) // texts and times: cannot fail
	s.cfg.Shared.Put(sharedKind, trust, b, life)
	return true
}

func newCounts() *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "faas_trust_tokens_total",
		Help: "Tokens of functions' trusts by where they came from: keystone, shared (another process had got it), " +
			"or refused, when Keystone issued none or did not answer.",
	}, []string{"from"})
}

// Register has Prometheus be told where tokens come from.
func (s *Sessions) Register(registry prometheus.Registerer) { registry.MustRegister(s.counts) }
