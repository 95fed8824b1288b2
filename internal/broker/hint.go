package broker

import (
	"context"
	"encoding/json"
)

type (
	hearsHints struct{} // key of the caller's function
	sendsHints struct{} // key of the server's
)

// Hearing returns a context for Call: hear is called with each hint that the handler of the request
// has before its answer, in turn. It must not block, and may still be called for a moment when Call
// has returned. A hint may be lost, so nothing may depend on it.
func Hearing(ctx context.Context, hear func(hint json.RawMessage)) context.Context {
	return context.WithValue(ctx, hearsHints{}, hear)
}

// Hint sends a hint to the caller of the request whose handler has this context, or one that was
// made from it. It does not wait for a broker that is away. It does nothing where the caller does
// not listen, and in no handler at all.
func Hint(ctx context.Context, hint any) {
	send, ok := ctx.Value(sendsHints{}).(func(json.RawMessage))
	if !ok {
		return
	}
	if body, err := json.Marshal(hint); err == nil {
		send(body)
	}
}

// hearing returns who hears the hints of the request; nil for nobody.
func hearing(ctx context.Context) func(json.RawMessage) {
	hear, _ := ctx.Value(hearsHints{}).(func(json.RawMessage))
	return hear
}

func hinting(ctx context.Context, send func(json.RawMessage)) context.Context {
	return context.WithValue(ctx, sendsHints{}, send)
}
