package fromswift

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	"github.com/openstack-faas/faas/internal/faas"
)

// state is what Trigger.State holds of a trigger.
type state struct {
	Of string `json:"of,omitempty"` // what of the settings the rest is about
	// Base is a moment in microseconds by Swift's clock: what is of that time or before was there
	// when the trigger was made. 0 once all of that is remembered.
	Base   int64  `json:"base,omitempty"`
	Marker []byte `json:"marker,omitempty"` // the name up to which the list was read; none: a look begins anew
	// what follows is the memory
	Horizon   int64  `json:"horizon,omitempty"`
	Forgotten int64  `json:"forgotten,omitempty"`
	Versions  []byte `json:"versions,omitempty"`
	Names     []byte `json:"names,omitempty"`   // none: they are not known
	Unnamed   bool   `json:"unnamed,omitempty"` // there are too many names to know them
	Paused    bool   `json:"paused,omitempty"`
}

// about identifies the objects that settings are about.
func (s Settings) about() string {
	names, _ := json.Marshal([]string{s.Container, s.Prefix, s.Suffix}) // strings always can be
	sum := sha256.Sum256(names)
	return hex.EncodeToString(sum[:8])
}

// remembered reads a trigger's state. fresh says that there is none for these settings: what is
// there since when must be found out first.
func remembered(t faas.Trigger, s Settings, room int) (st state, m *memory, fresh bool, err error) {
	m = newMemory(room)
	if t.State != "" {
		if err := json.Unmarshal([]byte(t.State), &st); err != nil {
			return st, m, false, damaged(t, err)
		}
	}
	if st.Of != s.about() {
		return state{Of: s.about()}, m, true, nil
	}
	m.horizon, m.forgotten = st.Horizon, st.Forgotten
	if err := m.decodeVersions(st.Versions); err != nil {
		return st, m, false, damaged(t, err)
	}
	if len(st.Names) > 0 {
		if err := m.decodeNames(st.Names); err != nil {
			return st, m, false, damaged(t, err)
		}
	}
	return st, m, false, nil
}

func damaged(t faas.Trigger, err error) error {
	return faas.Errorf(faas.Internal, "Trigger %s's state can not be read.", t.ID).WithCause(err)
}

// write returns the state as the trigger is to have it.
func (st *state) write(m *memory, read extent) string {
	st.Versions, st.Names = m.encode(read)
	st.Horizon, st.Forgotten = m.horizon, m.forgotten
	text, _ := json.Marshal(st) // numbers and bytes always can be
	return string(text)
}
