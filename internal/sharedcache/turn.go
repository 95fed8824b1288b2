package sharedcache

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/bradfitz/gomemcache/memcache"
)

const (
	// giveUpLife is how long others do not wait after somebody's turn came to nothing, in seconds.
	giveUpLife = 2
	// patience is how much longer than a turn a process waits for others' turns.
	patience = 2 * time.Second
	// firstLook and lastLook are the pauses between two looks whether it is over.
	firstLook = 10 * time.Millisecond
	lastLook  = 320 * time.Millisecond
)

// What an entry for a turn holds. It is no secret, and whoever forges it can have processes wait
// for patience, or not wait at all.
var (
	underWay = []byte("under way")
	gaveUp   = []byte("gave up")
)

// Turn has one process at a time find out what all want to know. It returns nil when found reports
// that the answer is in the cache, perhaps after a wait for the process that put it there. Else the
// caller has to find out by itself, and calls finish with whether it did. When somebody's turn has
// come to nothing, as when Keystone does not answer, the others go each by themselves.
func (c *Cache) Turn(ctx context.Context, kind, id string, found func() bool) (finish func(ok bool)) {
	alone := func(bool) {}
	if c == nil {
		return alone
	}
	name := c.name("turn of "+kind, id)
	ctx, cancel := context.WithTimeout(ctx, c.turn+patience)
	defer cancel()
	for look := firstLook; ; look = min(2*look, lastLook) {
		turn := c.look(name)
		if turn == free {
			if found() { // while the caller waited
				return nil
			}
			turn = c.take(name)
		}
		switch turn {
		case taken:
			if found() { // before it was taken
				c.end(name, true)
				return nil
			}
			return func(ok bool) { c.end(name, ok) }
		case nobodys:
			return alone
		case anothers, free:
		}
		select {
		case <-time.After(look/2 + rand.N(look)):
		case <-ctx.Done():
			return alone
		}
	}
}

// Whose a turn is.
type whose int

const (
	nobodys  whose = iota // somebody gave up a moment ago, or memcached does not answer
	free                  // to be taken
	anothers              // who is finding out
	taken                 // the caller's, from now on
)

// look returns whose the turn is, by one request.
func (c *Cache) look(name string) whose {
	var item *memcache.Item
	err := c.at(name).do(func(m *memcache.Client) (err error) {
		item, err = m.Get(name)
		return err
	})
	switch {
	case errors.Is(err, memcache.ErrCacheMiss):
		return free
	case err != nil || bytes.Equal(item.Value, gaveUp):
		return nobodys
	}
	return anothers
}

// take takes the turn, unless somebody has done so since the look.
func (c *Cache) take(name string) whose {
	err := c.at(name).do(func(m *memcache.Client) error {
		return m.Add(&memcache.Item{Key: name, Value: underWay, Expiration: int32(c.turn / time.Second)})
	})
	switch {
	case errors.Is(err, memcache.ErrNotStored):
		return anothers
	case err != nil:
		return nobodys
	}
	return taken
}

func (c *Cache) end(name string, ok bool) {
	_ = c.at(name).do(func(m *memcache.Client) error {
		if ok {
			return m.Delete(name)
		}
		return m.Set(&memcache.Item{Key: name, Value: gaveUp, Expiration: giveUpLife})
	})
}
