package testkit

import "net/http"

// Trust adds a trust. It yields tokens unless its user is disabled.
func (k *FakeKeystone) Trust(id string, gives bool) { k.set(func() { k.trusts[id] = gives }) }

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
