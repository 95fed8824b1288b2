package zaqar

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gophercloud/gophercloud/v2"
)

// Notification is what Zaqar POSTs to a subscriber for each message. It has no message id: who
// delivers twice, after a connection that broke, cannot be told by it.
type Notification struct {
	Queue string          `json:"queue_name"`
	Body  json.RawMessage `json:"body"`
	TTL   int             `json:"ttl"` // seconds
}

// Confirmation is what Zaqar POSTs to a new subscriber that has to confirm, and to one whose
// subscription was ended by its confirmation's withdrawal. Whoever has it may confirm, by its
// signature and without a token.
type Confirmation struct {
	Ended     bool // it is about a subscription that was ended
	ProjectID string
	Queue     string
	ID        string // of the subscription

	path, signature, methods, expires string
}

var errNotPush = errors.New("the body is not what Zaqar sends to a subscriber")

// ParsePush reads the body of a request to a subscriber: exactly one of the two is not nil unless
// there is an error.
func ParsePush(body []byte) (*Notification, *Confirmation, error) {
	var sent struct {
		Type string `json:"Message_Type"`
		Notification
		Signature string `json:"URL-Signature"`
		Methods   string `json:"URL-Methods"`
		Paths     string `json:"URL-Paths"`
		Expires   string `json:"URL-Expires"`
		Project   string `json:"X-Project-ID"`
	}
	if err := json.Unmarshal(body, &sent); err != nil {
		return nil, nil, fmt.Errorf("%w: %w", errNotPush, err)
	}
	switch sent.Type {
	case "Notification":
		if sent.Queue == "" || len(sent.Body) == 0 {
			return nil, nil, fmt.Errorf("%w: queue_name and body are required", errNotPush)
		}
		return &sent.Notification, nil, nil
	case "SubscriptionConfirmation", "UnsubscribeConfirmation":
		c := &Confirmation{
			Ended: sent.Type != "SubscriptionConfirmation", ProjectID: sent.Project, path: sent.Paths,
			signature: sent.Signature, methods: sent.Methods, expires: sent.Expires,
		}
		return nil, c, c.readPath()
	}
	return nil, nil, fmt.Errorf("%w: its Message_Type is %q", errNotPush, sent.Type)
}

// readPath takes queue and subscription from the path that the signature is for:
// /v2/queues/QUEUE/subscriptions/ID/confirm.
func (c *Confirmation) readPath() error {
	parts := strings.Split(c.path, "/")
	if len(parts) != 7 || parts[0] != "" || parts[1] != version || parts[2] != "queues" || parts[3] == "" ||
		parts[4] != "subscriptions" || parts[5] == "" || parts[6] != "confirm" || strings.ContainsAny(c.path, "?#%\\") {
		return fmt.Errorf("%w: its URL-Paths is %q, not the path of a confirmation", errNotPush, c.path)
	}
	c.Queue, c.ID = parts[3], parts[5]
	return nil
}

// answerTimeout bounds the answer to a confirmation.
const answerTimeout = 10 * time.Second

// Answer confirms the subscription. The endpoint is that of the Zaqar that is trusted: where the
// body said that it should be answered is not looked at, for anybody may have sent it. The caller
// has to have checked that queue and subscription are its own.
func (c *Confirmation) Answer(ctx context.Context, client *http.Client, endpoint, clientID string) error {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	at, err := url.Parse(gophercloud.NormalizeURL(endpoint))
	if err != nil {
		return fmt.Errorf("zaqar: endpoint: %w", err)
	}
	at = at.JoinPath(c.path)
	r, err := http.NewRequestWithContext(ctx, http.MethodPut, at.String(), bytes.NewReader([]byte(`{"confirmed": true}`)))
	if err != nil {
		return err
	}
	for name, value := range map[string]string{
		"URL-Signature": c.signature, "URL-Methods": c.methods, "URL-Paths": c.path, "URL-Expires": c.expires,
		"X-Project-ID": c.ProjectID, "Client-ID": clientID, "Content-Type": "application/json",
	} {
		r.Header.Set(name, value)
	}
	answer, err := client.Do(r)
	if err != nil {
		return fmt.Errorf("zaqar: confirm subscription %s of queue %s: %w", c.ID, c.Queue, err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusNoContent {
		return fmt.Errorf("zaqar: confirm subscription %s of queue %s: status %d", c.ID, c.Queue, answer.StatusCode)
	}
	return nil
}
