package engineclient

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/broker"
	"github.com/openstack-faas/faas/internal/faas"
)

// TestRunImageAsksAnEngine has engines that answer in each way, one that loses the call, and none
// at all.
func TestRunImageAsksAnEngine(t *testing.T) {
	for name, test := range map[string]struct {
		answer any
		err    error
		nobody bool
		kind   faas.Kind
		told   string
	}{
		"an outcome": {
			answer: faas.RunImageAnswer{Outcome: &faas.Outcome{Status: faas.ExecutionSuccess, Output: faas.TextOutput("done")}},
		},
		"a refusal": {
			answer: faas.RunImageAnswer{Refused: faas.Busy, Message: "later", RetryAfter: time.Second}, kind: faas.Busy,
			told: "later",
		},
		"nobody": {nobody: true, kind: faas.Unavailable, told: "No engine"},
		"lost":   {err: faas.Errorf(faas.Unavailable, "the engine was lost"), kind: faas.Internal, told: "may have run"},
		"in doubt": {
			err: faas.Errorf(faas.Internal, "it may have run, says the engine"), kind: faas.Internal, told: "says the engine",
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := broker.NewInProcess()
			defer b.Close()
			if !test.nobody {
				stop, err := b.Serve(
					t.Context(),
					faas.MethodRunImage,
					1,
					func(context.Context, json.RawMessage) (any, error) { return test.answer, test.err },
				)
				if err != nil {
					t.Fatal(err)
				}
				defer stop()
			}
			begun := 0
			caller := NewCaller(New(b, 1), nil, time.Second)
			out, err := caller.Call(
				t.Context(),
				faas.Target{Protocol: faas.ProtocolRun},
				faas.Call{Timeout: time.Second},
				func(context.Context) error {
					begun++
					return nil
				},
			)
			if begun != 1 || faas.KindOf(err) != test.kind {
				t.Fatalf("begun %d times: %+v, %v", begun, out, err)
			}
			if test.kind == "" && string(out.Output) != `"done"` ||
				test.kind != "" && !strings.Contains(err.Error(), test.told) {
				t.Errorf("got %+v, %v", out, err)
			}
		})
	}
}
