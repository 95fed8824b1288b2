package keystone

import (
	"context"
	"encoding/hex"
	"time"
)

// Shared is what several clients of one service remember together, in several processes. It must
// keep secret what it holds, and return only what one of them has put there.
type Shared interface {
	Get(kind, id string) (value []byte, ok bool)
	Put(kind, id string, value []byte, life time.Duration)
	Delete(kind, id string)
	// Turn has one client at a time find out what all want to know. It returns nil when found
	// reports that it is there by now; else the caller finds out, and calls finish with whether it
	// did.
	Turn(ctx context.Context, kind, id string, found func() bool) (finish func(ok bool))
}

// sharedKind is what tokens are remembered as, by their hashes.
const sharedKind = "validated token"

// maxAhead is how far the clock of another process may be ahead. A token of which it says more is
// asked about.
const maxAhead = 30 * time.Second

// together asks the other processes about a token, and with turns has one process ask Keystone
// while the others wait for what it learns. It returns what is known then, and where that is not
// enough, what to call when Keystone has been asked.
func (v *validator) together(
	ctx context.Context, key hash, now time.Time, how lookup,
) (known *Token, finish func(ok bool), err error) {
	fresh := false
	look := func() bool {
		v.learn(key)
		known, fresh, err = v.recall(key, now, how.expired)
		return fresh || err != nil
	}
	if look() {
		return known, nil, err
	}
	if !how.turns {
		return known, func(bool) {}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, v.cfg.Timeout)
	defer cancel()
	finish = v.cfg.Shared.Turn(ctx, sharedKind, hex.EncodeToString(key[:]), look)
	return known, finish, err
}
