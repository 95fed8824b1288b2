package store

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// The story of an execution is what its record says, and beside that a row for each unusual thing
// that happened to it. The usual call, which waits for nothing, has no such row. Rows are added
// with the change that they are about, in the same packet. A row that is there already counts one
// more: an execution has a few dozen at most, however long it waits (faas.Execution.Story).

const storyColumns = `execution_id, kind, nth, at, times, took, worker_id, process, detail`

// storyInsert is the statement that adds events of executions, one at least.
func storyInsert(g grammar, of []storyOf) change {
	var args []any
	rows := 0
	for _, s := range of {
		for _, e := range s.events {
			args = append(args, s.execution, string(e.Kind), int64(e.Nth), micros(e.At), int64(max(e.Times, 1)),
				e.Took.Microseconds(), clipText(e.Worker, 255), clipText(e.Process, 255), shortened(e.Detail))
			rows++
		}
	}
	return change{`INSERT INTO execution_events (` + storyColumns + `) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)` +
		strings.Repeat(`, (?, ?, ?, ?, ?, ?, ?, ?, ?)`, rows-1) +
		g.addingTo("execution_id, kind, nth", "times", "took"), args}
}

// storyOf is what happened to one execution.
type storyOf struct {
	execution string
	events    []faas.StoryEvent
}

// Tell adds to the story of an execution and returns when that is committed.
func (s *ExecutionStore) Tell(ctx context.Context, id string, events ...faas.StoryEvent) error {
	if len(events) == 0 {
		return nil
	}
	return s.calls.await(ctx, &operation{
		execution: id, change: storyInsert(s.dialect.grammar(), []storyOf{{id, events}}),
	})
}

// storyRows are the events of executions within a transaction.
type storyRows struct{ *statements }

// tell is Tell within a transaction.
func (t storyRows) tell(id string, events ...faas.StoryEvent) error {
	if len(events) == 0 {
		return nil
	}
	_, err := t.change(storyInsert(t.grammar, []storyOf{{id, events}}))
	return err
}

// Story returns what happened to an execution: what its record says, and the events that are kept,
// in the order of their times.
func (s *ExecutionStore) Story(ctx context.Context, x faas.Execution) ([]faas.StoryEvent, error) {
	rows, err := s.readers.QueryContext(ctx, `SELECT kind, nth, at, times, took, worker_id, process, detail
		FROM execution_events WHERE execution_id = ? ORDER BY at, kind, nth`, x.ID)
	if err != nil {
		return nil, unavailable(err)
	}
	events, err := scanAll(rows, func(row scanner) (e faas.StoryEvent, err error) {
		var at, took int64
		err = row.Scan(&e.Kind, &e.Nth, &at, &e.Times, &took, &e.Worker, &e.Process, &e.Detail)
		e.At, e.Took = moment(at), time.Duration(took)*time.Microsecond
		return e, err
	})
	if err != nil {
		return nil, err
	}
	all := []faas.StoryEvent{{Kind: faas.StoryAccepted, At: x.CreatedAt}}
	all = append(all, events...)
	if !x.StartedAt.IsZero() {
		all = append(all, faas.StoryEvent{
			Kind: faas.StoryStarted, At: x.StartedAt, Process: x.Owner, Took: x.StartedAt.Sub(x.CreatedAt),
		})
	}
	if !x.EndedAt.IsZero() {
		e := faas.StoryEvent{Kind: faas.StoryEnded, At: x.EndedAt, Process: x.Owner, Detail: string(x.Status)}
		if !x.StartedAt.IsZero() {
			e.Took = x.EndedAt.Sub(x.StartedAt)
		}
		all = append(all, e)
	}
	// Processes have clocks of their own: what is accepted comes first and what has ended last.
	last := len(all)
	if !x.EndedAt.IsZero() {
		last--
	}
	slices.SortStableFunc(all[1:last], func(a, b faas.StoryEvent) int { return a.At.Compare(b.At) })
	return all, nil
}

// drop deletes the events of executions, whose rows are being deleted.
func (t storyRows) drop(of []record) error {
	const together = 64 // in statements of two lengths, so that few are prepared
	for len(of) > 0 {
		n := 1
		if len(of) > 1 {
			n = together
		}
		args := make([]any, n)
		for i := range args {
			args[i] = of[min(i, len(of)-1)].id
		}
		_, err := t.exec(`DELETE FROM execution_events WHERE execution_id IN (?`+strings.Repeat(", ?", n-1)+`)`, args...)
		if err != nil {
			return err
		}
		of = of[min(n, len(of)):]
	}
	return nil
}
