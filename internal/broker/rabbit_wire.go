package broker

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// answer is the body of a reply: one of the two fields is set.
type answer struct {
	Reply json.RawMessage `json:"reply,omitempty"`
	Error *wireError      `json:"error,omitempty"`
}

// wireError is the part of an error that is transmitted. Its cause stays with the server.
type wireError struct {
	Kind       faas.Kind     `json:"kind"`
	Message    string        `json:"message"`
	RetryAfter time.Duration `json:"retry_after,omitempty"` // nanoseconds
}

// encodeAnswer returns the body of a reply for a handler's outcome.
func encodeAnswer(reply any, failure error) []byte {
	var a answer
	if failure == nil {
		a.Reply, failure = json.Marshal(reply)
	}
	if failure != nil {
		var e *faas.Error
		_ = errors.As(carried(failure), &e)
		a = answer{Error: &wireError{e.Kind, e.Message, e.RetryAfter}}
	}
	body, err := json.Marshal(a)
	if err != nil { // a json.RawMessage of the handler that is not JSON
		return []byte(`{"error":{"kind":"internal","message":"The engine's answer could not be written."}}`)
	}
	return body
}

// decodeAnswer decodes the body of a reply into reply, unless that is nil. The error is of kind
// faas.Internal when the body cannot be decoded.
func decodeAnswer(method string, body []byte, reply any) error {
	var a answer
	if err := json.Unmarshal(body, &a); err != nil {
		return faas.Errorf(faas.Internal, "The answer of %s cannot be read.", method).WithCause(err)
	}
	if a.Error != nil {
		e := &faas.Error{Kind: a.Error.Kind, Message: a.Error.Message, RetryAfter: max(a.Error.RetryAfter, 0)}
		if !e.Kind.Known() {
			e.Kind = faas.Internal
		}
		return e
	}
	if reply == nil {
		return nil
	}
	if len(a.Reply) == 0 {
		return faas.Errorf(faas.Internal, "The answer of %s is empty.", method)
	}
	if err := json.Unmarshal(a.Reply, reply); err != nil {
		return faas.Errorf(faas.Internal, "The answer of %s cannot be read.", method).WithCause(err)
	}
	return nil
}
