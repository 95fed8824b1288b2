package core

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"
)

// TestNotifications listens where Ceilometer would, while a function is made, run and deleted.
func TestNotifications(t *testing.T) {
	ctx := testContext(t)
	conn, err := amqp.Dial("amqp" + strings.TrimPrefix(os.Getenv("TRANSPORT_URL"), "rabbit"))
	must(t, err)
	t.Cleanup(func() { conn.Close() })
	channel, err := conn.Channel()
	must(t, err)
	must(t, channel.ExchangeDeclare("openstack", "topic", false, false, false, false, nil)) // as each listener does
	queue, err := channel.QueueDeclare("", false, true, true, false, nil)
	must(t, err)
	for _, key := range []string{"notifications.info", "notifications.error"} {
		must(t, channel.QueueBind(queue.Name, key, "openstack", false, nil))
	}
	news, err := channel.Consume(queue.Name, "", true, true, false, false, nil)
	must(t, err)

	owner := login(ctx, t, "demo")
	c := with(t, 0, owner.text)
	f := create(ctx, t, c, echo)
	run(ctx, t, c, f.ID, nil)
	must(t, c.Do(ctx, "DELETE", "/v1/functions/"+f.ID, nil, nil))

	missing := map[string]bool{"function.create": true, "execution.end": true, "function.delete": true}
	for len(missing) > 0 {
		select {
		case <-ctx.Done():
			t.Fatalf("nobody was told of %v", missing)
		case message := <-news:
			if found := leaks("a notification", message.Body); len(found) > 0 {
				t.Errorf("%v", found)
			}
			event, payload := opened(t, message.Body)
			if payload["function_id"] != f.ID {
				continue // another's
			}
			delete(missing, event)
			if payload["project_id"] != owner.projectID {
				t.Errorf("%s is said to be of project %v", event, payload["project_id"])
			}
			if _, billed := payload["gb_seconds"].(float64); event == "execution.end" && !billed {
				t.Errorf("execution.end says %v, without gb_seconds", payload)
			}
		}
	}
}

// opened takes a notification out of the second version of oslo.messaging's envelope.
func opened(t *testing.T, body []byte) (event string, payload map[string]any) {
	t.Helper()
	var envelope struct {
		Version string `json:"oslo.version"`
		Message string `json:"oslo.message"`
	}
	must(t, json.Unmarshal(body, &envelope))
	var message struct {
		EventType string         `json:"event_type"`
		Payload   map[string]any `json:"payload"`
	}
	must(t, json.Unmarshal([]byte(envelope.Message), &message))
	if envelope.Version != "2.0" {
		t.Errorf("the envelope is of version %q", envelope.Version)
	}
	return message.EventType, message.Payload
}
