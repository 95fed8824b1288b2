package engine

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

func TestOutcomeOutlastsTheDatabase(t *testing.T) {
	away := faas.Errorf(faas.Unavailable, "The database does not answer.")
	ended := faas.Errorf(faas.Conflict, "It is not running.")
	for name, c := range map[string]struct {
		away  time.Duration
		after error
		want  error
	}{
		"away for two minutes":              {2 * time.Minute, nil, nil},
		"written though it seemed not":      {2 * time.Second, ended, nil},
		"settled before the first attempt":  {0, ended, ended},
		"away for longer than anyone waits": {time.Hour, nil, away},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				back, written := time.Now().Add(c.away), 0
				ctx, cancel := context.WithCancel(t.Context())
				cancel() // an engine that is told to end records what it ran all the same
				err := persist(ctx, func(context.Context) error {
					if time.Now().Before(back) {
						return away
					}
					written++
					return c.after
				})
				if !errors.Is(err, c.want) || written > 1 {
					t.Errorf("error %v, written %d times", err, written)
				}
				if late := time.Since(back); c.want == nil && late > lastRecordWait {
					t.Errorf("recorded %v after the database came back", late)
				}
			})
		})
	}
}

func TestSettlingHoldsOffAfterTheDatabaseWasAway(t *testing.T) {
	var h holdOff
	at := func(s int) time.Time { return time.Unix(int64(s), 0) }
	if h.answered(nil, at(0), at(1), time.Minute); at(1).Before(h.until) {
		t.Error("a quick answer is no sign of anything")
	}
	if h.answered(errors.New("away"), at(2), at(2), time.Minute); !at(61).Before(h.until) || at(62).Before(h.until) {
		t.Error("a failure holds off for a lease")
	}
	if h.answered(nil, at(100), at(103), time.Minute); !at(160).Before(h.until) {
		t.Error("an answer that took long is one that waited for the database to come back")
	}
}
