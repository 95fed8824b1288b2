// Package broker carries messages between faas-api and faas-engine: requests with replies, durable
// work, and broadcasts. A message is a wake-up call and never the only copy of a fact: the rows of
// the database are the truth.
package broker

import (
	"context"
	"encoding/json"
	"errors"
)

// ErrNotTaken means that no server took the request, so that nothing of it was done and it may be
// sent again.
var ErrNotTaken = errors.New("nobody took the request")

// Broker is implemented by Rabbit and InProcess. Every method is safe for concurrent use. After
// Close each returns ErrClosed.
type Broker interface {
	// Call sends a request to one of the servers of the method and decodes its reply into reply,
	// unless that is nil. The context's deadline travels with the request. An error that the server
	// returned comes back as a *faas.Error of the same kind and message; when nobody serves the
	// method, or the deadline passes first, the kind is faas.Unavailable. ErrNotTaken is in its chain
	// when it is certain that no handler has begun.
	Call(ctx context.Context, method string, request, reply any) error

	// Serve handles requests for the method until ctx ends, at most parallel of them at a time. It
	// returns once requests can be received; stop waits for the handlers under way.
	Serve(ctx context.Context, method string, parallel int, handle RequestHandler) (stop func(), err error)

	// Enqueue puts a message into a durable queue and returns when the broker has taken
	// responsibility for it.
	Enqueue(ctx context.Context, queue string, body []byte) error

	// Durable reports whether messages in queues outlive this process.
	Durable() bool

	// Consume hands each message of the queue to one consumer, at most parallel at a time here, until
	// ctx ends. A message whose handler returned nil is deleted; otherwise it is delivered again,
	// after a pause, to any consumer. stop waits for the handlers under way.
	//
	// An error of kind faas.Busy, faas.Unavailable or faas.Outdated means that the message must wait,
	// for however long it takes. Any other error counts as a failed attempt; after many of those a
	// broker may put the message aside as dead.
	Consume(ctx context.Context, queue string, parallel int, handle MessageHandler) (stop func(), err error)

	// Broadcast sends a message to everyone who is subscribed to the topic now. It may be lost, so
	// nothing may depend on it.
	Broadcast(ctx context.Context, topic string, body []byte) error

	// Subscribe calls hear with each message of the topic, one at a time, until ctx ends.
	Subscribe(ctx context.Context, topic string, hear func(body []byte)) (stop func(), err error)

	// Own waits in line for the ownership of a shard until ctx ends. At most one caller owns a shard;
	// while this one does, hold runs. The context of hold ends when the ownership is lost: hold must
	// return promptly then, because the next owner begins only after it has. A hold that returns by
	// itself gives the shard up at once, and this caller waits in line again, behind the others. The
	// caller that came first owns the shard; the next one does when the owner stops, or its connection
	// dies. stop waits for hold.
	//
	// Ownership avoids duplicate work. It is not a fence: a process that was frozen may act on a shard
	// that it has lost, so its writes must be conditional on the epoch in the database (package
	// ownership).
	Own(ctx context.Context, shard string, hold func(ctx context.Context)) (stop func(), err error)

	// Connected reports whether messages can be received at the moment. A process that is not
	// connected is in no line for a shard.
	Connected() bool

	// Close ends every handler's context and waits for the handlers. Messages that they did not settle
	// go back to their queues.
	Close() error
}

// RequestHandler handles one request; reply is marshalled as JSON.
type RequestHandler func(ctx context.Context, request json.RawMessage) (reply any, err error)

// MessageHandler handles one message of a queue.
type MessageHandler func(ctx context.Context, body []byte) error
