package store

import (
	"context"
	"maps"
	"slices"

	"github.com/openstack-faas/faas/internal/faas"
)

// AddSeen adds to what triggers have seen: numbers are added, and times, ids and errors take the
// place of older ones.
func (s *TriggerStore) AddSeen(ctx context.Context, seen map[string]faas.TriggerSeen) error {
	return s.chores.do(ctx, func(t *tx) error {
		for _, id := range slices.Sorted(maps.Keys(seen)) { // in one order everywhere, so that no two processes wait for each other
			if err := t.triggers.addSeen(id, seen[id]); err != nil {
				return err
			}
		}
		return nil
	})
}

func (t triggerRows) addSeen(id string, n faas.TriggerSeen) error {
	sets := `delivered = delivered + ?, filtered = filtered + ?, duplicates = duplicates + ?, failed = failed + ?`
	args := []any{n.Delivered, n.Filtered, n.Duplicates, n.Failed}
	if !n.LastEventAt.IsZero() {
		sets += `, last_event_at = ?, last_event_id = ?`
		args = append(args, micros(n.LastEventAt), clipText(n.LastEventID, maxSeenID))
	}
	if !n.LastErrorAt.IsZero() {
		sets += `, last_error_at = ?, last_error = ?`
		args = append(args, micros(n.LastErrorAt), shortened(n.LastError))
	}
	_, err := t.exec(`UPDATE triggers SET `+sets+` WHERE id = ?`, append(args, id)...)
	return err
}

// maxSeenID is how many bytes of an event's id are shown.
const maxSeenID = 255
