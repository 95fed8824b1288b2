package testkit

import "net/http"

// Trust adds a trust. It yields tokens unless its user is disabled.
func (k *FakeKeystone) Trust(id string, gives bool) { k.set(func() { k.trusts[id] = gives }) }

// TrustLogins counts the tokens that were issued by a trust.
func (k *FakeKeystone) TrustLogins(id string) int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.trustLogins[id]
}

// DeleteTrust ends a trust and the tokens that were issued by it.
func (k *FakeKeystone) DeleteTrust(id string) {
	k.set(func() {
		delete(k.trusts, id)
		k.revoke(id)
	})
}

// RevokeTrustTokens ends the tokens that were issued by a trust, which goes on giving others.
func (k *FakeKeystone) RevokeTrustTokens(id string) { k.set(func() { k.revoke(id) }) }

func (k *FakeKeystone) revoke(trust string) {
	for token, t := range k.tokens {
		if t.Trust == trust {
			delete(k.tokens, token)
			delete(k.own, token)
		}
	}
}

// LockOut has the service's password be refused, or no longer; its tokens go on.
func (k *FakeKeystone) LockOut(on bool) { k.set(func() { k.lockedOut = on }) }

func (k *FakeKeystone) trust(w http.ResponseWriter, r *http.Request) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.own[r.Header.Get("X-Auth-Token")] {
		keystoneError(w, http.StatusUnauthorized)
		return
	}
	if _, ok := k.trusts[r.PathValue("id")]; !ok {
		keystoneError(w, http.StatusNotFound)
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{"trust": map[string]any{"id": r.PathValue("id"), "impersonation": true}})
}
