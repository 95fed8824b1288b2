package keystone

import (
	"context"
	"encoding/hex"
	"encoding/json"
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

// sharing reports whether other processes are asked. A client that is to ask Keystone each time
// asks nobody else.
func (c *Client) sharing() bool { return c.cfg.Shared != nil && c.cfg.CacheTime > 0 }

// learn remembers what another process knows of a token, if that is newer than what is known here.
func (c *Client) learn(key hash) {
	b, ok := c.cfg.Shared.Get(sharedKind, hex.EncodeToString(key[:]))
	t := new(Token)
	if !ok || json.Unmarshal(b, t) != nil || t.ValidAsOf.IsZero() || t.ValidAsOf.After(c.now().Add(maxAhead)) {
		return
	}
	if t.UserID == "" {
		c.known.forget(key)
		c.refused.put(key, struct{}{}, c.now())
		return
	}
	if _, at, known := c.known.get(key); known && !t.ValidAsOf.After(at) {
		return
	}
	c.counts.shared.Add(1)
	c.known.put(key, t, t.ValidAsOf)
}

// tell has the other processes know what Keystone said of a token.
func (c *Client) tell(key hash, t *Token) {
	if !c.sharing() {
		return
	}
	b, err := json.Marshal(t)
	if err != nil {
		return // no text is none in JSON
	}
	life := min(c.cfg.CacheTime+c.cfg.OutageTime, t.ExpiresAt.Sub(c.now()))
	c.cfg.Shared.Put(sharedKind, hex.EncodeToString(key[:]), b, life)
}

// unsay has the other processes know for a while that Keystone refused a token. They go on with what
// they remember themselves, for CacheTime at most. It is for tokens that were valid: made-up ones
// take no place there.
func (c *Client) unsay(key hash) {
	b, err := json.Marshal(Token{ValidAsOf: c.now()})
	if err == nil {
		c.cfg.Shared.Put(sharedKind, hex.EncodeToString(key[:]), b, refusedTime)
	}
}

// together asks the other processes about a token, and with turns has one process ask Keystone
// while the others wait for what it learns. It returns what is known then, and where that is not
// enough, what to call when Keystone has been asked.
func (c *Client) together(
	ctx context.Context, key hash, now time.Time, how lookup,
) (known *Token, finish func(ok bool), err error) {
	fresh := false
	look := func() bool {
		c.learn(key)
		known, fresh, err = c.recall(key, now, how.expired)
		return fresh || err != nil
	}
	if look() {
		return known, nil, err
	}
	if !how.turns {
		return known, func(bool) {}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	finish = c.cfg.Shared.Turn(ctx, sharedKind, hex.EncodeToString(key[:]), look)
	return known, finish, err
}
