package store

import "context"

// OnWriter runs a statement on the connection of a store's writer of calls, of which there is one.
func (s *Store) OnWriter(ctx context.Context, query string) error {
	return s.calls.do(ctx, func(t *tx) error { return t.control(query) })
}

// HoldCalls keeps the writer of calls, of which there is one, from writing until the channel is
// closed. It returns when the writer is held.
func (s *Store) HoldCalls(ctx context.Context, until <-chan struct{}) { hold(ctx, s.calls, until) }

// HoldOthers keeps all writers but those of calls from writing until the channel is closed. It
// returns when they are held.
func (s *Store) HoldOthers(ctx context.Context, until <-chan struct{}) {
	hold(ctx, s.recorder, until)
	hold(ctx, s.chores, until)
}

func hold(ctx context.Context, r *recorder, until <-chan struct{}) {
	held := make(chan struct{})
	op := &operation{kept: true, answer: make(chan struct{}), do: func(*tx) error {
		close(held)
		<-until
		return nil
	}}
	if err := r.hand(ctx, op, nil); err != nil {
		panic(err)
	}
	<-held
}
