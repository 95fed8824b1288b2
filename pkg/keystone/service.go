package keystone

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/tokens"
	"golang.org/x/sync/singleflight"
)

// ownLogin has the service's own token, with which most requests are sent, and Keystone's catalogue.
type ownLogin struct {
	*connection

	own    atomic.Pointer[ownToken]
	logins singleflight.Group // of one
}

// ownToken is the service's own token with its catalogue.
type ownToken struct {
	id                string
	userID, projectID string
	catalogue         []tokens.CatalogEntry
	renew, expires    time.Time
}

const (
	// renewBefore is how long before its end, at most, the service's own token is renewed.
	renewBefore = 5 * time.Minute
	// ownPause is how long no login is tried after Keystone refused the service's credentials: it
	// locks out users who fail too often.
	ownPause = 5 * time.Second
)

// ServiceToken returns a token of the service's own, with at least a minute left where Keystone's
// tokens last longer than that.
func (l *ownLogin) ServiceToken(ctx context.Context) (string, error) {
	own, err := l.service(ctx)
	if err != nil {
		return "", err
	}
	return own.id, nil
}

// RenewServiceToken returns a token of the service's own other than the refused one.
func (l *ownLogin) RenewServiceToken(ctx context.Context, refused string) (string, error) {
	own, err := l.serviceAfter(ctx, refused)
	if err != nil {
		return "", err
	}
	return own.id, nil
}

// ServiceUser returns the id of the service's own user, the trustee of trusts.
func (l *ownLogin) ServiceUser(ctx context.Context) (string, error) {
	own, err := l.service(ctx)
	if err != nil {
		return "", err
	}
	return own.userID, nil
}

// service returns the current token. Callers do not wait for its renewal while the old one is
// valid.
func (l *ownLogin) service(ctx context.Context) (*ownToken, error) {
	own, now := l.own.Load(), l.now()
	if own != nil && now.Before(own.renew) {
		return own, nil
	}
	last := own != nil && now.Before(own.expires)
	if last && l.circuit.open(now) {
		return own, nil
	}
	detached := context.WithoutCancel(ctx)
	answer := l.logins.DoChan("own", func() (any, error) { return l.login(detached, own) })
	if last {
		return own, nil
	}
	select {
	case r := <-answer:
		if r.Err != nil {
			return nil, r.Err
		}
		return r.Val.(*ownToken), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// serviceAfter returns a token other than the refused one.
func (l *ownLogin) serviceAfter(ctx context.Context, refused string) (*ownToken, error) {
	if own := l.own.Load(); own != nil && own.id == refused {
		l.own.CompareAndSwap(own, nil)
	}
	return l.service(ctx)
}

// login gets a new token in place of the old, unless another caller has just done so.
func (l *ownLogin) login(ctx context.Context, old *ownToken) (*ownToken, error) {
	if now := l.own.Load(); now != nil && now != old {
		return now, nil
	}
	var own *ownToken
	err := l.ask(ctx, "authenticating the service", true, func(ctx context.Context) (err error) {
		own, err = l.authenticate(ctx, "authenticating the service", l.ownScope())
		if s := status(err); s >= http.StatusBadRequest && !errors.Is(err, ErrUnavailable) {
			return fmt.Errorf("%w: its user, password, domain or project is wrong: %w", errOurselves, opaque(err))
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	l.own.Store(own)
	return own, nil
}

// opaque returns an error with the same text and no kind, so that a failure of the service's own
// token is not taken for one of a caller's.
func opaque(err error) error { return errors.New(err.Error()) }

// authenticate gets a token with the service's password.
func (l *ownLogin) authenticate(ctx context.Context, op string, scope tokens.Scope) (*ownToken, error) {
	result := tokens.Create(ctx, l.identity(""), &tokens.AuthOptions{
		Username: l.cfg.Username, Password: l.cfg.Password, DomainName: l.cfg.UserDomain, Scope: scope,
	})
	if err := failure(op, result.Err, false); err != nil {
		return nil, err
	}
	token, err := result.ExtractToken()
	if err != nil {
		return nil, failure(op, err, false)
	}
	own := &ownToken{id: token.ID, expires: token.ExpiresAt}
	if catalogue, err := result.ExtractServiceCatalog(); err == nil {
		own.catalogue = catalogue.Entries
	}
	if user, err := result.ExtractUser(); err == nil && user != nil {
		own.userID = user.ID
	}
	if project, err := result.ExtractProject(); err == nil && project != nil {
		own.projectID = project.ID
	}
	if own.id == "" || own.userID == "" || own.expires.IsZero() {
		return nil, fmt.Errorf("%s: %w: the response is not Keystone's", op, ErrUnavailable)
	}
	now := l.now()
	own.renew = own.expires.Add(-min(renewBefore, own.expires.Sub(now)/4))
	return own, nil
}

// asService sends a request with the service's own token. When that is refused, because it was
// revoked or Keystone's keys changed, the request is sent again with a new one. So f must be
// idempotent.
func (l *ownLogin) asService(ctx context.Context, op string, f func(ctx context.Context, own string) error) error {
	own, err := l.service(ctx)
	if err != nil {
		return err
	}
	send := func() error {
		return l.ask(ctx, op, true, func(ctx context.Context) error { return f(ctx, own.id) })
	}
	if err = send(); status(err) != http.StatusUnauthorized {
		return err
	}
	if own, err = l.serviceAfter(ctx, own.id); err != nil {
		return err
	}
	if err = send(); status(err) == http.StatusUnauthorized {
		return fmt.Errorf("%w: it refuses the service's own token: %w", ErrUnavailable, opaque(err))
	}
	return err
}

// ownScope returns the scope of the service's own tokens.
func (l *ownLogin) ownScope() tokens.Scope {
	return tokens.Scope{ProjectName: l.cfg.Project, DomainName: l.cfg.ProjectDomain}
}
