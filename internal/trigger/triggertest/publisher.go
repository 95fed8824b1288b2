package triggertest

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// Publisher publishes events for Aodh to RabbitMQ, as Ceilometer's agents do. It is for one
// goroutine.
type Publisher struct {
	conn    *amqp.Connection
	channel *amqp.Channel
}

// NewPublisher connects to the RabbitMQ at the URL, as TRANSPORT_URL has it.
func NewPublisher(url string) (*Publisher, error) {
	const theirs, ours = "rabbit://", "amqp://"
	if len(url) > len(theirs) && url[:len(theirs)] == theirs {
		url = ours + url[len(theirs):]
	}
	conn, err := amqp.Dial(url)
	if err != nil {
		return nil, err
	}
	channel, err := conn.Channel()
	if err == nil {
		err = channel.Confirm(false)
	}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return &Publisher{conn, channel}, nil
}

// Close ends it.
func (p *Publisher) Close() { _ = p.conn.Close() }

// Publish has Aodh hear of an event in a project, and returns the event's id when RabbitMQ has it.
// Traits beside project_id are texts.
func (p *Publisher) Publish(
	ctx context.Context, projectID, eventType string, traits map[string]string,
) (string, error) {
	id, now := rand.Text(), time.Now().UTC().Format("2006-01-02T15:04:05.999999")
	all := [][]any{{"project_id", 1, projectID}}
	for name, value := range traits {
		all = append(all, []any{name, 1, value})
	}
	message, err := json.Marshal(map[string]any{
		"message_id": rand.Text(), "publisher_id": "triggertest", "event_type": "event", "priority": "SAMPLE",
		"timestamp": now, "_unique_id": rand.Text(), // without a new one, oslo.messaging drops it and says nothing
		"payload": []any{map[string]any{
			"message_id": id, "event_type": eventType, "generated": now, "traits": all, "raw": map[string]any{},
		}},
	})
	if err != nil {
		return "", err
	}
	body, err := json.Marshal(map[string]string{"oslo.version": "2.0", "oslo.message": string(message)})
	if err != nil {
		return "", err
	}
	sent, err := p.channel.PublishWithDeferredConfirmWithContext(
		ctx, "aodh", "alarm.all.sample", true, false,
		amqp.Publishing{ContentType: "application/json", ContentEncoding: "utf-8", Body: body},
	)
	if err != nil {
		return "", err
	}
	if ok, err := sent.WaitContext(ctx); err != nil || !ok {
		return "", fmt.Errorf("RabbitMQ did not take the event: %w", err)
	}
	return id, nil
}
