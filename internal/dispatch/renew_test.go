package dispatch

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// TestLongCallsAreGivenNewTokens has tokens that live for a second.
func TestLongCallsAreGivenNewTokens(t *testing.T) {
	given := make(chan faas.Credentials, 10)
	a := newAgent(t, testTarget.Key, func(w http.ResponseWriter, call faas.Call) {
		if c := <-given; string(c.Context) != `{"n":1}` || c.ExecutionID != call.ExecutionID {
			t.Errorf("given %+v", c)
		}
		if c := <-given; string(c.Context) != `{"n":2}` {
			t.Errorf("given %+v", c)
		}
		succeed(w, call)
	})
	a.credentials = func(w http.ResponseWriter, c faas.Credentials) {
		given <- c
		_, _ = w.Write([]byte("{}"))
	}
	d := newDispatcher(t, &supply{workers: []faas.Worker{a.worker}}, time.Minute, 1)
	asked := 0
	call := aCall("1")
	call.Timeout = time.Minute
	call.Renewal = &faas.Renewal{
		Ends: time.Now().Add(time.Second),
		Next: func(context.Context) (json.RawMessage, time.Time, error) {
			asked++
			return json.RawMessage(`{"n":` + string(rune('0'+asked)) + `}`), time.Now().Add(time.Second), nil
		},
	}
	out, err := d.Call(t.Context(), testTarget, call, begin)
	if err != nil || out.Status != faas.ExecutionSuccess || asked < 2 {
		t.Errorf("%+v, %v after %d tokens", out, err, asked)
	}
}

// TestShortCallsAskForNoToken has a call end before its token does.
func TestShortCallsAskForNoToken(t *testing.T) {
	a := newAgent(t, testTarget.Key, succeed)
	d := newDispatcher(t, &supply{workers: []faas.Worker{a.worker}}, time.Minute, 1)
	call := aCall("1")
	call.Renewal = &faas.Renewal{
		Ends: time.Now().Add(time.Hour),
		Next: func(context.Context) (json.RawMessage, time.Time, error) {
			t.Error("it was asked for one")
			return nil, time.Time{}, errors.New("none")
		},
	}
	if _, err := d.Call(t.Context(), testTarget, call, begin); err != nil {
		t.Error(err)
	}
}

func TestUntilRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // where no time passes between two looks at the clock
		for left, want := range map[time.Duration]time.Duration{
			time.Hour: 58 * time.Minute, 4 * time.Minute: 3 * time.Minute, time.Second: time.Second, -time.Hour: time.Second,
		} {
			if got := untilRenewal(time.Now().Add(left)); got != want {
				t.Errorf("with %v left: in %v, want %v", left, got, want)
			}
		}
	})
}
