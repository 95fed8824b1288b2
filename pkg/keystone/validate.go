package keystone

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"golang.org/x/sync/singleflight"
)

const (
	// knownTimeout is how long a request with a token that was valid waits for its validation.
	knownTimeout = 500 * time.Millisecond
	// maxToken is the longest token, in bytes. Keystone's own are 255 at most, signed ones some
	// thousand.
	maxToken = 8192
)

// validator finds out what tokens are good for.
type validator struct {
	*ownLogin
	*tokenMemory

	knownTimeout time.Duration
	validations  singleflight.Group // by the token's key
}

// Validate returns the token's user, scope and roles. Keystone's answer is cached for CacheTime,
// never beyond the token's expiry; refusals are cached for ten seconds. Concurrent callers with the
// same token share one request. The error is ErrInvalidToken, or ErrUnavailable when Keystone
// cannot be asked and said nothing of this token within CacheTime and OutageTime, or ctx's.
func (v *validator) Validate(ctx context.Context, token string) (*Token, error) {
	return v.validate(ctx, token, lookup{})
}

// Recheck is Validate for a token that many processes hold, and ask about at the same time: where
// they share what they know, one of them asks.
func (v *validator) Recheck(ctx context.Context, token string) (*Token, error) {
	return v.validate(ctx, token, lookup{turns: true})
}

// ValidateExpired is Validate for a token that may have expired, not longer ago than Keystone's
// allow_expired_window: a service that goes on with the work of a user sends it beside a token of
// its own.
func (v *validator) ValidateExpired(ctx context.Context, token string) (*Token, error) {
	return v.validate(ctx, token, lookup{expired: true})
}

// lookup is how a token is asked about.
type lookup struct {
	expired bool // it may be
	turns   bool // processes wait for each other
}

func (v *validator) validate(ctx context.Context, token string, how lookup) (*Token, error) {
	if !plausible(token) {
		return nil, ErrInvalidToken
	}
	key, now := tokenKey(token, how.expired), v.now()
	known, fresh, err := v.recall(key, now, how.expired)
	if fresh || err != nil {
		v.counts.recalled.Add(1)
		return known, err
	}
	if known != nil && v.circuit.open(now) {
		v.counts.outage.Add(1)
		return known, nil
	}
	detached := context.WithoutCancel(ctx) // others wait for it too
	how.turns = how.turns || known != nil  // others have had it for as long
	answer := v.validations.DoChan(string(key[:]), func() (any, error) { return v.fetch(detached, token, key, how) })
	return v.await(ctx, answer, known)
}

// plausible reports whether the text can be a token, and the value of a header.
func plausible(token string) bool {
	if token == "" || len(token) > maxToken {
		return false
	}
	for i := range len(token) {
		if token[i] <= ' ' || token[i] > '~' {
			return false
		}
	}
	return true
}

// tokenKey returns the key of a token in the cache.
func tokenKey(token string, expired bool) hash {
	key := hash(sha256.Sum256([]byte(token)))
	if expired {
		key[0] ^= 0xff
		key[1] ^= 0xff
	}
	return key
}

// await waits for Keystone's response; where the token is known, only for knownTimeout.
func (v *validator) await(ctx context.Context, answer <-chan singleflight.Result, known *Token) (*Token, error) {
	var enough <-chan time.Time
	if known != nil {
		if v.circuit.drags(v.now()) {
			v.counts.outage.Add(1)
			return known, nil // the response, when it comes, is used for the next request
		}
		timer := time.NewTimer(v.knownTimeout)
		defer timer.Stop()
		enough = timer.C
	}
	select {
	case r := <-answer:
		if r.Err == nil {
			return r.Val.(*Token), nil
		}
		if known == nil || errors.Is(r.Err, ErrInvalidToken) {
			return nil, r.Err
		}
	case <-enough:
		v.circuit.dragged(v.now())
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	v.counts.outage.Add(1)
	return known, nil
}

// fetch sends the validation to Keystone and caches its outcome, unless another process has done so.
func (v *validator) fetch(ctx context.Context, token string, key hash, how lookup) (*Token, error) {
	if known, fresh, err := v.recall(key, v.now(), how.expired); fresh || err != nil {
		return known, err // another request's, which ended a moment ago
	}
	if !v.sharing() {
		return v.inquire(ctx, token, key, how.expired)
	}
	known, finish, err := v.together(ctx, key, v.now(), how)
	if finish == nil {
		return known, err
	}
	t, err := v.inquire(ctx, token, key, how.expired)
	refused := errors.Is(err, ErrInvalidToken)
	if refused && (known != nil || how.turns) {
		v.unsay(key)
	}
	finish(err == nil || refused)
	if known != nil && errors.Is(err, ErrUnavailable) {
		v.counts.outage.Add(1)
		return known, nil // which this process did not know before
	}
	return t, err
}

// inquire sends the validation to Keystone and caches its outcome.
func (v *validator) inquire(ctx context.Context, token string, key hash, expired bool) (*Token, error) {
	asked := v.now()
	t, err := v.describe(ctx, token, expired)
	if err == nil && !expired && !v.now().Before(t.ExpiresAt) {
		err = ErrInvalidToken
	}
	switch {
	case err == nil:
		t.ValidAsOf = asked
		v.known.put(key, t, asked)
		v.tell(key, t)
		return t, nil
	case errors.Is(err, ErrInvalidToken):
		v.counts.refused.Add(1)
		v.known.forget(key)
		v.refused.put(key, struct{}{}, asked)
		return nil, ErrInvalidToken
	}
	return nil, err
}

// describe validates a token with Keystone. The request is authorized by the service's own token.
func (v *validator) describe(ctx context.Context, token string, expired bool) (*Token, error) {
	path := "auth/tokens?nocatalog"
	if expired {
		path += "&allow_expired=1"
	}
	var answer tokenAnswer
	err := v.asService(ctx, "validating a token", func(ctx context.Context, own string) error {
		answer = tokenAnswer{}
		client := v.identity(own)
		opts := &gophercloud.RequestOpts{
			OkCodes: []int{http.StatusOK, http.StatusNonAuthoritativeInfo},
			// Without the second Keystone refuses tokens of application credentials that have
			// access rules.
			MoreHeaders: map[string]string{"X-Subject-Token": token, "OpenStack-Identity-Access-Rules": "1.0"},
		}
		//nolint:bodyclose // gophercloud closes what it decodes
		_, err := client.Get(ctx, client.ServiceURL(path), &answer, opts)
		err = failure("validating a token", err, true)
		switch {
		case ofNoUse(err):
			return ErrInvalidToken
		case errors.Is(err, ErrForbidden):
			err = fmt.Errorf("%w: its user needs the role service in its project: %w", errOurselves, opaque(err))
		}
		return err
	})
	switch status(err) {
	case http.StatusNotFound, http.StatusBadRequest:
		return nil, ErrInvalidToken
	}
	if err != nil {
		return nil, err
	}
	if answer.Token.User.ID == "" || answer.Token.ExpiresAt.IsZero() {
		return nil, errors.Join(
			ErrUnavailable,
			errors.New("the response is not Keystone's: it lacks the token's user and expiry"),
		)
	}
	return answer.token(), nil
}

// notAllowed is the beginning of Keystone's message with a 403. The name of a rule follows when it
// is the service that lacks a role.
const notAllowed = "You are not authorized to perform the requested action"

// ofNoUse reports whether a 403 is about the token that was asked about, not about us: Keystone
// answers so for one that comes of a trust whose user was disabled or lost a role.
func ofNoUse(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Status == http.StatusForbidden && strings.HasPrefix(e.Message, notAllowed) &&
		!strings.Contains(e.Message, "identity:")
}
