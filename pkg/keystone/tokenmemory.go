package keystone

import (
	"encoding/hex"
	"encoding/json"
	"time"
)

const (
	// refusedTime is how long a token that Keystone refused is refused without asking. It cannot
	// become valid again; memory alone bounds it.
	refusedTime = 10 * time.Second
	// maxRefused is how many of those are remembered, apart from the good ones, so that made-up
	// tokens cannot push those out.
	maxRefused = 1000
)

// tokenMemory is what is known of tokens, here and, where they share it, in other processes.
type tokenMemory struct {
	keystone *connection
	known    *memory[*Token]
	refused  *memory[struct{}]
}

func newTokenMemory(keystone *connection) *tokenMemory {
	size := keystone.cfg.CacheSize
	return &tokenMemory{
		keystone: keystone, known: newMemory[*Token](size), refused: newMemory[struct{}](min(size, maxRefused)),
	}
}

// recall returns what is cached of a token: known is nil when that is nothing, or too old even for
// an outage of Keystone.
func (m *tokenMemory) recall(key hash, now time.Time, expired bool) (known *Token, fresh bool, err error) {
	if _, at, ok := m.refused.get(key); ok && now.Sub(at) < refusedTime {
		return nil, false, ErrInvalidToken
	}
	t, at, ok := m.known.get(key)
	if !ok {
		return nil, false, nil
	}
	if !expired && !now.Before(t.ExpiresAt) {
		m.known.forget(key)
		return nil, false, ErrInvalidToken
	}
	age := now.Sub(at)
	if age >= m.keystone.cfg.CacheTime+m.keystone.cfg.OutageTime {
		return nil, false, nil
	}
	return t, age < m.keystone.cfg.CacheTime, nil
}

// sharing reports whether other processes are asked. A client that is to ask Keystone each time
// asks nobody else.
func (m *tokenMemory) sharing() bool {
	return m.keystone.cfg.Shared != nil && m.keystone.cfg.CacheTime > 0
}

// learn remembers what another process knows of a token, if that is newer than what is known here.
func (m *tokenMemory) learn(key hash) {
	b, ok := m.keystone.cfg.Shared.Get(sharedKind, hex.EncodeToString(key[:]))
	t := new(Token)
	if !ok || json.Unmarshal(b, t) != nil || t.ValidAsOf.IsZero() || t.ValidAsOf.After(m.keystone.now().Add(maxAhead)) {
		return
	}
	if t.UserID == "" {
		m.known.forget(key)
		m.refused.put(key, struct{}{}, m.keystone.now())
		return
	}
	if _, at, known := m.known.get(key); known && !t.ValidAsOf.After(at) {
		return
	}
	m.keystone.counts.shared.Add(1)
	m.known.put(key, t, t.ValidAsOf)
}

// tell has the other processes know what Keystone said of a token.
func (m *tokenMemory) tell(key hash, t *Token) {
	if !m.sharing() {
		return
	}
	b, err := json.Marshal(t)
	if err != nil {
		return // no text is none in JSON
	}
	life := min(m.keystone.cfg.CacheTime+m.keystone.cfg.OutageTime, t.ExpiresAt.Sub(m.keystone.now()))
	m.keystone.cfg.Shared.Put(sharedKind, hex.EncodeToString(key[:]), b, life)
}

// unsay has the other processes know for a while that Keystone refused a token. They go on with what
// they remember themselves, for CacheTime at most. It is for tokens that were valid: made-up ones
// take no place there.
func (m *tokenMemory) unsay(key hash) {
	b, err := json.Marshal(Token{ValidAsOf: m.keystone.now()})
	if err == nil {
		m.keystone.cfg.Shared.Put(sharedKind, hex.EncodeToString(key[:]), b, refusedTime)
	}
}
