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
	// refusedTime is how long a token that Keystone refused is refused without asking. It cannot
	// become valid again; memory alone bounds it.
	refusedTime = 10 * time.Second
	// maxRefused is how many of those are remembered, apart from the good ones, so that made-up
	// tokens cannot push those out.
	maxRefused = 1000
	// knownTimeout is how long a request with a token that was valid waits for its validation.
	knownTimeout = 500 * time.Millisecond
	// maxToken is the longest token, in bytes. Keystone's own are 255 at most, signed ones some
	// thousand.
	maxToken = 8192
)

// Validate returns the token's user, scope and roles. Keystone's answer is cached for CacheTime,
// never beyond the token's expiry; refusals are cached for ten seconds. Concurrent callers with the
// same token share one request. The error is ErrInvalidToken, or ErrUnavailable when Keystone
// cannot be asked and said nothing of this token within CacheTime and OutageTime, or ctx's.
func (c *Client) Validate(ctx context.Context, token string) (*Token, error) {
	return c.validate(ctx, token, lookup{})
}

// Recheck is Validate for a token that many processes hold, and ask about at the same time: where
// they share what they know, one of them asks.
func (c *Client) Recheck(ctx context.Context, token string) (*Token, error) {
	return c.validate(ctx, token, lookup{turns: true})
}

// ValidateExpired is Validate for a token that may have expired, not longer ago than Keystone's
// allow_expired_window: a service that goes on with the work of a user sends it beside a token of
// its own.
func (c *Client) ValidateExpired(ctx context.Context, token string) (*Token, error) {
	return c.validate(ctx, token, lookup{expired: true})
}

// lookup is how a token is asked about.
type lookup struct {
	expired bool // it may be
	turns   bool // processes wait for each other
}

func (c *Client) validate(ctx context.Context, token string, how lookup) (*Token, error) {
	if !plausible(token) {
		return nil, ErrInvalidToken
	}
	key, now := tokenKey(token, how.expired), c.now()
	known, fresh, err := c.recall(key, now, how.expired)
	if fresh || err != nil {
		c.counts.recalled.Add(1)
		return known, err
	}
	if known != nil && c.circuit.open(now) {
		c.counts.outage.Add(1)
		return known, nil
	}
	detached := context.WithoutCancel(ctx) // others wait for it too
	how.turns = how.turns || known != nil  // others have had it for as long
	answer := c.flights.DoChan(string(key[:]), func() (any, error) { return c.fetch(detached, token, key, how) })
	return c.await(ctx, answer, known)
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

// recall returns what is cached of a token: known is nil when that is nothing, or too old even for
// an outage of Keystone.
func (c *Client) recall(key hash, now time.Time, expired bool) (known *Token, fresh bool, err error) {
	if _, at, ok := c.refused.get(key); ok && now.Sub(at) < refusedTime {
		return nil, false, ErrInvalidToken
	}
	t, at, ok := c.known.get(key)
	if !ok {
		return nil, false, nil
	}
	if !expired && !now.Before(t.ExpiresAt) {
		c.known.forget(key)
		return nil, false, ErrInvalidToken
	}
	age := now.Sub(at)
	if age >= c.cfg.CacheTime+c.cfg.OutageTime {
		return nil, false, nil
	}
	return t, age < c.cfg.CacheTime, nil
}

// await waits for Keystone's response; where the token is known, only for knownTimeout.
func (c *Client) await(ctx context.Context, answer <-chan singleflight.Result, known *Token) (*Token, error) {
	var enough <-chan time.Time
	if known != nil {
		if c.circuit.drags(c.now()) {
			c.counts.outage.Add(1)
			return known, nil // the response, when it comes, is used for the next request
		}
		timer := time.NewTimer(c.knownTimeout)
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
		c.circuit.dragged(c.now())
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	c.counts.outage.Add(1)
	return known, nil
}

// fetch sends the validation to Keystone and caches its outcome, unless another process has done so.
func (c *Client) fetch(ctx context.Context, token string, key hash, how lookup) (*Token, error) {
	if known, fresh, err := c.recall(key, c.now(), how.expired); fresh || err != nil {
		return known, err // another request's, which ended a moment ago
	}
	if !c.sharing() {
		return c.inquire(ctx, token, key, how.expired)
	}
	known, finish, err := c.together(ctx, key, c.now(), how)
	if finish == nil {
		return known, err
	}
	t, err := c.inquire(ctx, token, key, how.expired)
	refused := errors.Is(err, ErrInvalidToken)
	if refused && (known != nil || how.turns) {
		c.unsay(key)
	}
	finish(err == nil || refused)
	if known != nil && errors.Is(err, ErrUnavailable) {
		c.counts.outage.Add(1)
		return known, nil // which this process did not know before
	}
	return t, err
}

// inquire sends the validation to Keystone and caches its outcome.
func (c *Client) inquire(ctx context.Context, token string, key hash, expired bool) (*Token, error) {
	asked := c.now()
	t, err := c.describe(ctx, token, expired)
	if err == nil && !expired && !c.now().Before(t.ExpiresAt) {
		err = ErrInvalidToken
	}
	switch {
	case err == nil:
		t.ValidAsOf = asked
		c.known.put(key, t, asked)
		c.tell(key, t)
		return t, nil
	case errors.Is(err, ErrInvalidToken):
		c.counts.refused.Add(1)
		c.known.forget(key)
		c.refused.put(key, struct{}{}, asked)
		return nil, ErrInvalidToken
	}
	return nil, err
}

// describe validates a token with Keystone. The request is authorized by the service's own token.
func (c *Client) describe(ctx context.Context, token string, expired bool) (*Token, error) {
	path := "auth/tokens?nocatalog"
	if expired {
		path += "&allow_expired=1"
	}
	var answer tokenAnswer
	err := c.asService(ctx, "validating a token", func(ctx context.Context, own string) error {
		answer = tokenAnswer{}
		client := c.identity(own)
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
