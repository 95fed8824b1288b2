package fromzaqar

import (
	"crypto/rand"
	"encoding/json"
	"time"

	"github.com/openstack-faas/faas/internal/event"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/trigger"
	"github.com/openstack-faas/faas/pkg/zaqar"
)

// Receive returns the event of a request to the trigger's URL that arrived just now; none for a
// confirmation, which is to be acknowledged and means nothing: the keeper confirms its
// subscription itself. What is not of the trigger's queue is an error of kind faas.Invalid. The
// caller has checked the URL's secret and, where NeedsToken says so, the token.
func Receive(t faas.Trigger, body []byte, now time.Time) ([]event.Event, error) {
	s, err := ParseSettings(json.RawMessage(t.Settings))
	if err != nil {
		return nil, err
	}
	n, c, err := zaqar.ParsePush(body)
	switch {
	case err != nil:
		return nil, faas.Errorf(faas.Invalid, "The body is not what Zaqar sends to a subscriber.").WithCause(err)
	case c != nil:
		return nil, nil
	case s.Mode != Push:
		return nil, faas.Errorf(faas.Invalid, "The trigger %s pulls messages; nobody sends it any.", t.ID)
	case n.Queue != s.Queue:
		return nil, faas.Errorf(
			faas.Invalid, "The queue %q is not that of the trigger %s.", trigger.Clip(n.Queue), t.ID,
		)
	}
	// Zaqar sends no id with a message: one that is sent twice is two events, as two equal ones are.
	e, err := event.FromZaqar(n.Queue, t.ProjectID, n.Body, rand.Text(), now)
	if err != nil {
		return nil, err
	}
	return []event.Event{e}, nil
}
