package policy

import (
	"encoding/binary"
	"sync"

	"github.com/openstack-faas/faas/internal/faas"
)

// maxDecisions bounds the cache: some hundred bytes each, a thousand at most. A full cache is
// emptied; the few callers that are active have it filled again in milliseconds.
const maxDecisions = 8192

// maxKey is the longest key that is remembered, in bytes: callers choose parts of it, and must not
// fill the memory with them.
const maxKey = 1024

// cache remembers decisions. It belongs to one set of rules and is dropped with it. Its zero value
// is ready to use.
type cache struct {
	mu   sync.RWMutex
	made map[string]bool
}

func (c *cache) get(key []byte) (allowed, known bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	allowed, known = c.made[string(key)] // the compiler makes no copy of the key here
	return allowed, known
}

func (c *cache) put(key []byte, allowed bool) {
	if len(key) > maxKey {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.made == nil || len(c.made) >= maxDecisions {
		c.made = map[string]bool{}
	}
	c.made[string(key)] = allowed
}

// appendKey appends everything that a rule can see, each part with its length, so that no two
// inputs share a key.
func appendKey(key []byte, id faas.Identity, rule string, target Target) []byte {
	key = appendPart(key, rule)
	key = appendPart(key, target.ProjectID)
	key = appendPart(key, id.ProjectID)
	key = appendPart(key, id.UserID)
	key = appendPart(key, id.DomainID)
	var kind byte
	if id.System {
		kind |= 1
	}
	if id.Webhook {
		kind |= 2
	}
	key = append(key, kind)
	for _, role := range id.Roles {
		key = appendPart(key, role)
	}
	return key
}

func appendPart(key []byte, part string) []byte {
	return append(binary.AppendUvarint(key, uint64(len(part))), part...)
}
