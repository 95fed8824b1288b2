package dispatch

import (
	"context"
	"errors"
	"maps"
	"strconv"
	"sync"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/pkg/lru"
)

// ErrCancelled is in the chain of the error of a call that was cancelled before it was sent:
// nothing of it has run. The message of the *faas.Error around it is the output of the execution.
var ErrCancelled = errors.New("the call was cancelled")

// Underway are the calls of this process that wait or run, so that they can be cancelled from
// elsewhere. It is safe for concurrent use.
type Underway struct {
	mu    sync.Mutex
	calls map[*underwayCall]struct{}
	// Executions, functions and versions of which nothing is to run any more, by their ids, with the
	// error of their calls: the news of it may come before the call does. Ids are never used again,
	// nor are a function's numbers of versions.
	over *lru.Cache[string, error]
}

type underwayCall struct {
	executionID string
	key         faas.Key
	cancel      context.CancelCauseFunc
}

// maxOver bounds how many ids are remembered. News and calls pass each other within moments.
const maxOver = 4096

// NewUnderway returns one without calls.
func NewUnderway() *Underway {
	return &Underway{calls: map[*underwayCall]struct{}{}, over: lru.New[string, error](maxOver)}
}

// Enter takes a call in and returns its life: a context that ends when the call is cancelled, and
// for no other reason, with the error of the call as its cause. It has the values of ctx. leave is
// to be called when the call is over.
//
// A call enters before its record says that it runs. Whoever cancels it changes the record first
// and then spreads the news, so that no call is missed.
func (u *Underway) Enter(ctx context.Context, executionID string, key faas.Key) (life context.Context, leave func()) {
	life, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	call := &underwayCall{executionID: executionID, key: key, cancel: cancel}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.calls[call] = struct{}{}
	for _, id := range []string{executionID, key.FunctionID, versionID(key.FunctionID, key.Version)} {
		if err, over := u.over.Get(id); over {
			cancel(err)
		}
	}
	return life, func() {
		cancel(context.Canceled) // frees it; who looks at the cause has done so
		u.mu.Lock()
		defer u.mu.Unlock()
		delete(u.calls, call)
	}
}

// Cancel ends the call of an execution, if it is under way here or is about to be.
func (u *Underway) Cancel(executionID string) {
	is := func(c *underwayCall) bool { return c.executionID == executionID }
	u.end(executionID, faas.Conflict, faas.OutputCancelled, is)
}

// FunctionChanged ends the calls of a function, or of a version, that was deleted. Calls of older
// revisions of the live code go on.
func (u *Underway) FunctionChanged(change faas.FunctionChanged) {
	is := func(c *underwayCall) bool { return change.Ends(c.key) }
	switch {
	case change.Deleted():
		u.end(change.FunctionID, faas.NotFound, faas.OutputDeleted, is)
	case change.Version != 0:
		u.end(versionID(change.FunctionID, change.Version), faas.NotFound, faas.OutputNoVersion, is)
	}
}

func versionID(functionID string, number int) string { return functionID + "/" + strconv.Itoa(number) }

func (u *Underway) end(id string, kind faas.Kind, output string, is func(*underwayCall) bool) {
	err := faas.Errorf(kind, "%s", output).WithCause(ErrCancelled)
	u.mu.Lock()
	defer u.mu.Unlock()
	u.over.Put(id, err)
	for c := range maps.Keys(u.calls) {
		if is(c) {
			c.cancel(err)
		}
	}
}

// Cancelled returns the error of a call that was cancelled; nil when it was not.
func Cancelled(life context.Context) error {
	if err := context.Cause(life); errors.Is(err, ErrCancelled) {
		return err
	}
	return nil
}

// CancelledOutcome returns the outcome of a call whose error has ErrCancelled in its chain.
func CancelledOutcome(err error) faas.Outcome {
	output := faas.OutputCancelled
	var known *faas.Error
	if errors.As(err, &known) {
		output = known.Message
	}
	return faas.Outcome{Status: faas.ExecutionCancelled, Output: faas.TextOutput(output)}
}
