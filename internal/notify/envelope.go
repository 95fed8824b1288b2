package notify

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/openstack-faas/faas/internal/store"
)

// Message is a notification, ready to be carried.
type Message struct {
	Priority string // the end of its routing key, after the topic
	Body     []byte // JSON
}

// envelope is version 2.0 of oslo.messaging's: the message is JSON within JSON.
type envelope struct {
	Version string `json:"oslo.version"`
	Message string `json:"oslo.message"`
}

// notification is what oslo.messaging's notifier sends, and with it the request's context, by the
// names that oslo.context has and had. There is no token in it.
type notification struct {
	MessageID   string `json:"message_id"`
	PublisherID string `json:"publisher_id"`
	EventType   string `json:"event_type"`
	Priority    string `json:"priority"`
	Payload     any    `json:"payload"`
	Timestamp   string `json:"timestamp"`
	UniqueID    string `json:"_unique_id"` // listeners pass over one that they have had

	RequestID string   `json:"_context_request_id"`
	UserID    string   `json:"_context_user_id"`
	User      string   `json:"_context_user"`
	ProjectID string   `json:"_context_project_id"`
	Project   string   `json:"_context_project"`
	Tenant    string   `json:"_context_tenant"`
	IsAdmin   bool     `json:"_context_is_admin"`
	Roles     []string `json:"_context_roles"`
}

// encode returns the message of an event that was kept under the id, which becomes the message's
// own.
func (e *event) encode(id string) (Message, error) {
	text, err := json.Marshal(notification{
		MessageID: id, PublisherID: e.Publisher, EventType: e.Kind, Priority: strings.ToUpper(
			e.priority(),
		), Payload: e.payload(),
		Timestamp: e.At.time().Format("2006-01-02 15:04:05.000000"), UniqueID: strings.ReplaceAll(id, "-", ""),
		RequestID: e.RequestID, UserID: e.UserID, User: e.UserID, ProjectID: e.ProjectID, Project: e.ProjectID,
		Tenant: e.ProjectID, Roles: []string{},
	})
	if err != nil {
		return Message{}, fmt.Errorf("encode a notification: %w", err)
	}
	body, err := json.Marshal(envelope{Version: "2.0", Message: string(text)})
	return Message{Priority: e.priority(), Body: body}, err
}

// messageOf returns the message of an event in the outbox.
func messageOf(kept store.Event) (m Message, at time.Time, err error) {
	var e event
	if err := json.Unmarshal([]byte(kept.Body), &e); err != nil {
		return Message{}, time.Time{}, fmt.Errorf("read an event of the outbox: %w", err)
	}
	m, err = e.encode(kept.ID)
	return m, e.At.time(), err
}
