// Package broker carries messages between faas-api and faas-engine: requests with answers, durable
// work, and news to all. A message is a wake-up call and never the only copy of a fact: the rows of
// the database are the truth.
package broker

import (
	"context"
	"encoding/json"
	"errors"
)

// ErrNotTaken says of a request that nobody took it, so that nothing of it was done.
var ErrNotTaken = errors.New("nobody took the request")

// Broker is what RabbitMQ and the in-process broker both are. Every method is safe for concurrent
// use. After Close each answers ErrClosed.
type Broker interface {
	// Call sends a request to one of those that serve the method and decodes its answer into reply,
	// unless that is nil. The context's deadline travels with the request. An error that the server
	// answered comes back as a *faas.Error of the same kind and message; when nobody serves the
	// method, or the deadline passes first, the kind is faas.Unavailable. ErrNotTaken is in its
	// chain when it is certain that nobody has begun to answer.
	Call(ctx context.Context, method string, request, reply any) error

	// Serve answers requests for the method until ctx ends, at most parallel of them at a time. It
	// returns once requests can be received; stop waits for those under way.
	Serve(ctx context.Context, method string, parallel int, handle RequestHandler) (stop func(), err error)

	// Enqueue puts a message into a durable queue and returns when the broker has taken
	// responsibility for it.
	Enqueue(ctx context.Context, queue string, body []byte) error

	// Durable reports whether what was put into queues outlives this process.
	Durable() bool

	// Consume hands each message of the queue to one consumer, at most parallel at a time here,
	// until ctx ends. A message whose handler returned nil is gone; otherwise it is delivered
	// again, after a pause, to whoever consumes. stop waits for the handlers under way.
	//
	// A handler says with an error of kind faas.Busy or faas.Unavailable that the message must
	// wait, and it does for as long as that takes. Any other error counts as a failed attempt;
	// after many a broker may put the message aside, as one that cannot be handled.
	Consume(ctx context.Context, queue string, parallel int, handle MessageHandler) (stop func(), err error)

	// Broadcast returns a topic to everyone subscribed now. News may be lost; nothing may depend on
	// it.
	Broadcast(ctx context.Context, topic string, body []byte) error

	// Subscribe hears a topic until ctx ends.
	Subscribe(ctx context.Context, topic string, hear func(body []byte)) (stop func(), err error)

	// Own stands in line for a shard until ctx ends. While this caller is the shard's one owner,
	// hold runs; its context ends when the ownership is lost, and it must return promptly then, for
	// the next may be told only after it has. A hold that returns by itself gives the shard up at
	// once and stands in line again, behind the others. Whoever came first owns; the next does when
	// the owner stops, or its connection dies. stop waits for hold.
	//
	// Ownership spares owners from getting into each other's way. It is not a fence: a process that
	// was frozen may act on a shard that it has lost, so what it writes must be conditional on what
	// it read.
	Own(ctx context.Context, shard string, hold func(ctx context.Context)) (stop func(), err error)

	// Connected reports whether messages can be received at the moment: who stands in line is in it
	// only then.
	Connected() bool

	// Close ends every handler's context, waits for the handlers, and gives back what they did not
	// settle.
	Close() error
}

// RequestHandler answers one request; what it returns is marshalled as JSON.
type RequestHandler func(ctx context.Context, request json.RawMessage) (reply any, err error)

// MessageHandler settles one message of a queue.
type MessageHandler func(ctx context.Context, body []byte) error
