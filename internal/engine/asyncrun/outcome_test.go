package asyncrun

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
				if late := time.Since(back); c.want == nil && late > lastRecordPause {
					t.Errorf("recorded %v after the database came back", late)
				}
			})
		})
	}
}
