package keystone

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"golang.org/x/sync/singleflight"
)

// passwordProof is whether Keystone accepts the service's password, by which functions' tokens are
// got.
type passwordProof struct {
	*ownLogin

	password circuit // of logins for functions: failing while Keystone refuses the service's own
	proofs   singleflight.Group
}

// proven checks by a login that Keystone still accepts the service's password. Concurrent callers
// share one login. The error is ErrUnavailable, or ctx's. After a refusal no login is tried for
// ownPause, because Keystone locks out users who fail too often. Requests that need no password go
// on meanwhile.
func (p *passwordProof) proven(ctx context.Context) error {
	detached := context.WithoutCancel(ctx)
	answer := p.proofs.DoChan("proof", func() (any, error) { return nil, p.prove(detached) })
	select {
	case r := <-answer:
		return r.Err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *passwordProof) prove(ctx context.Context) error {
	const op = "authenticating the service once more"
	if _, allowed := p.password.enter(p.now()); !allowed {
		return fmt.Errorf("%s: %w: it did so a moment ago", op, errOurselves)
	}
	var own *ownToken
	err := p.ask(ctx, op, true, func(ctx context.Context) (err error) {
		own, err = p.authenticate(ctx, op, p.ownScope())
		return err
	})
	switch s := status(err); {
	case err == nil:
		p.own.Store(own)
		if p.password.worked() {
			p.log.Info("Keystone accepts the service's password again")
		}
		return nil
	case s >= http.StatusBadRequest && !errors.Is(err, ErrUnavailable):
		return p.unproven(opaque(err))
	default:
		return err
	}
}

// unproven records that Keystone refuses the service's password. It logs the first refusal only.
func (p *passwordProof) unproven(err error) error {
	err = fmt.Errorf(
		"%w: its password is wrong, has expired or is locked out, or its user, domain or project is disabled: %w",
		errOurselves, err,
	)
	p.counts.failures.Add(1)
	if p.password.failed(p.now(), ownPause) {
		p.log.Error(
			"Keystone refuses the service's own credentials: functions get no new tokens; those that they have stay in use",
			"error", err,
		)
	}
	return err
}
