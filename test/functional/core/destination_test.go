package core

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2"

	"github.com/openstack-faas/faas/pkg/zaqar"
)

// TestOutcomesInAQueue has what comes of an execution that nobody waits for be a message of a queue
// in the project, posted by the function's own rights.
func TestOutcomesInAQueue(t *testing.T) {
	ctx := testContext(t)
	demo := login(ctx, t, "demo")
	client := zaqar.NewMessagingV2At(
		&gophercloud.ProviderClient{TokenID: demo.text}, service(t, demo, zaqar.ServiceType),
		"11111111-2222-4333-8444-555555555555",
	)
	c := with(t, 0, demo.text)
	c.Header[version[0]] = version[1]
	f := create(ctx, t, c, "def main(n):\n    return {'half': 10 // n}\n")
	done, failed := fmt.Sprintf("done-%d", time.Now().UnixNano()), fmt.Sprintf("failed-%d", time.Now().UnixNano())
	must(t, c.Do(ctx, "PUT", "/v1/functions/"+f.ID, map[string]any{
		"on_success": map[string]any{"queue": done}, "on_failure": map[string]any{"queue": failed},
	}, nil))
	for n, queue := range map[int]string{2: done, 0: failed} {
		x, err := c.Execute(ctx, f.ID, false, map[string]any{"n": n})
		must(t, err)
		var told []zaqar.Message
		await(ctx, t, "the outcome is in the queue", func() bool {
			var err error
			told, err = zaqar.Claim(ctx, client, queue, zaqar.ClaimOpts{TTL: time.Minute})
			if err != nil && !zaqar.IsGone(err) {
				t.Fatal(err)
			}
			return len(told) > 0
		})
		var e struct {
			Type, Subject string
			Data          struct {
				Status string
				Result struct{ Output any }
			}
		}
		must(t, json.Unmarshal(told[0].Body, &e))
		want := map[string]string{
			done:   "org.openstack.faas.execution.succeeded",
			failed: "org.openstack.faas.execution.failed",
		}
		if len(told) != 1 || e.Type != want[queue] || e.Subject != x.ID {
			t.Errorf("of execution %s the queue is told %s", x.ID, told[0].Body)
		}
	}
}
