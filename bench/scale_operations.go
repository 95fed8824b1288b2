package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

// operation is one thing that the service has the database do.
type operation struct {
	what string
	do   func(ctx context.Context, f *filled) error
	next func(ctx context.Context, f *filled) error // is done after it and not measured; may be nil
}

// operations are the lists and the writes that the service makes of records.
func (s *scaled) operations(ctx context.Context) error {
	const target = "p95 ≤ 20 ms, and ≤ 1.2 times that of the smallest"
	for _, o := range recordOperations() {
		times, reads, err := s.byTurns(ctx, o)
		if err != nil {
			return fmt.Errorf("%s: %w", o.what, err)
		}
		first := 0.0
		for n, f := range s.filled {
			slices.Sort(times[n])
			what := fmt.Sprintf("%s records, %s,", power(f.n), o.what)
			p95 := ms(quantile(times[n], 0.95))
			if n == 0 {
				first = p95
			}
			s.add(what+" rows and keys read", reads[n], "each", "")
			s.add(what+" p50", ms(quantile(times[n], 0.5)), "ms", "")
			// What takes a fraction of a millisecond differs by more than a fifth by chance.
			s.judge(what+" p95", p95, "ms", target, p95 <= 20 && p95 <= max(1.2*first, first+0.2))
		}
	}
	return nil
}

// perTurn is how often an operation is done in one database before the next has its turn.
const perTurn = 10

// byTurns measures an operation in each of the databases, by turns, and how many rows and keys the
// server has read for one: that is the same on every machine.
func (s *scaled) byTurns(ctx context.Context, o operation) (times [][]time.Duration, reads []float64, err error) {
	times, reads = make([][]time.Duration, len(s.filled)), make([]float64, len(s.filled))
	for turn := range s.turns + 1 {
		for n, f := range s.filled {
			before, err := s.rowsRead(ctx)
			if err != nil {
				return nil, nil, err
			}
			for range perTurn {
				took, err := timed(func() error { return o.do(ctx, f) })
				if err != nil {
					return nil, nil, err
				}
				if turn > 0 { // the first warms what is cold
					times[n] = append(times[n], took)
				}
			}
			after, err := s.rowsRead(ctx)
			if err != nil {
				return nil, nil, err
			}
			if turn > 0 {
				reads[n] += float64(after-before) / float64(s.turns*perTurn)
			}
			if o.next == nil {
				continue
			}
			if err := o.next(ctx, f); err != nil {
				return nil, nil, err
			}
		}
	}
	return times, reads, nil
}

// rowsRead returns how many rows and entries of indexes the server has read.
func (s *scaled) rowsRead(ctx context.Context) (n int64, err error) {
	err = s.filled[0].db.QueryRowContext(ctx, `SELECT CAST(SUM(variable_value) AS INTEGER)
		FROM information_schema.global_status WHERE variable_name LIKE 'HANDLER_READ%'`).Scan(&n)
	return n, err
}

// one returns a record at random, of whom the busiest have most.
func (f *filled) one() called { return f.some[f.random.IntN(len(f.some))] }

var newest = []faas.SortKey{{Field: "created_at", Desc: true}}

func lists(what string, query func(f *filled, x called) faas.Query) operation {
	return operation{what: what, do: func(ctx context.Context, f *filled) error {
		x := f.one()
		_, err := f.store.Executions(ctx, faas.OneProject(x.project), query(f, x))
		return err
	}}
}

// looks is what a round of retention does for one project or function.
func looks(whose string, look func(ctx context.Context, f *filled, x called) (int, error)) operation {
	return operation{what: "retention of a " + whose, do: func(ctx context.Context, f *filled) error {
		_, err := look(ctx, f, f.one())
		return err
	}}
}

func filter(field, op string, values ...string) []faas.Filter {
	return []faas.Filter{{Field: field, Op: op, Values: values}}
}

func recordOperations() []operation {
	started := map[*filled][]string{} // executions that are queued and not claimed, and then claimed
	running := map[*filled][]string{}
	take := func(from map[*filled][]string, f *filled) (id string) {
		id, from[f] = from[f][0], from[f][1:]
		return id
	}
	started1 := func(ctx context.Context, f *filled) error {
		x := f.record(f.functions[f.random.IntN(len(f.functions))])
		started[f] = append(started[f], x.ID)
		return f.store.Enqueue(ctx, x)
	}
	return []operation{
		lists("list, the newest 100", func(*filled, called) faas.Query { return faas.Query{Limit: 100, Sort: newest} }),
		lists("list, the oldest 100", func(*filled, called) faas.Query { return faas.Query{Limit: 100} }),
		lists("list, a page amid", func(_ *filled, x called) faas.Query {
			return faas.Query{Limit: 100, Sort: newest, Marker: x.id}
		}),
		{what: "list, everybody's newest 100", do: func(ctx context.Context, f *filled) error {
			_, err := f.store.Executions(ctx, faas.AnyProject(), faas.Query{Limit: 100, Sort: newest})
			return err
		}},
		lists("filter, function", func(_ *filled, x called) faas.Query {
			return faas.Query{Limit: 100, Sort: newest, Filters: filter("function_id", "eq", x.function)}
		}),
		lists("filter, day", func(f *filled, _ called) faas.Query {
			from := f.now.Add(-time.Duration(f.random.Int64N(int64(filledFor))))
			return faas.Query{Limit: 100, Filters: filter("created_at", "gte", from.UTC().Format(time.RFC3339))}
		}),
		lists("filter, status", func(*filled, called) faas.Query {
			return faas.Query{Limit: 100, Sort: newest, Filters: filter("status", "eq", "failed")}
		}),
		{what: "show", do: func(ctx context.Context, f *filled) error {
			x := f.one()
			_, err := f.store.Execution(ctx, faas.OneProject(x.project), x.id)
			return err
		}},
		{what: "start", do: started1},
		{what: "claim", do: func(ctx context.Context, f *filled) error {
			if len(started[f]) == 0 {
				if err := started1(ctx, f); err != nil {
					return err
				}
			}
			id := take(started, f)
			running[f] = append(running[f], id)
			_, won, err := f.store.Claim(ctx, id, "bench", time.Hour)
			if err == nil && !won {
				err = fmt.Errorf("execution %s was not claimed", id)
			}
			return err
		}},
		{what: "finish", do: func(ctx context.Context, f *filled) error { return f.finish(ctx, take(running, f)) }},
		{what: "call", do: func(ctx context.Context, f *filled) error { return f.call(ctx) }},
		looks("project", func(ctx context.Context, f *filled, x called) (int, error) {
			return f.store.PurgeProject(ctx, x.project, f.now.Add(-filledFor), 10)
		}),
		looks("function", func(ctx context.Context, f *filled, x called) (int, error) {
			return f.store.PurgeFunction(ctx, x.function, f.now.Add(-filledFor), 10)
		}),
		looks("function, beyond its newest hundred", func(ctx context.Context, f *filled, x called) (int, error) {
			return f.store.PurgeAllBut(ctx, x.function, 100, 1)
		}),
	}
}

// record is a new record of a function.
func (f *filled) record(of called) faas.Execution {
	return faas.Execution{
		ID: faas.NewID(), ProjectID: of.project, FunctionID: of.function, UserID: strings.Repeat("u", 32),
		RequestID: "req-" + faas.NewID(), Input: `{"n": 1}`, Lease: time.Hour,
	}
}

// call records what a synchronous call does.
func (f *filled) call(ctx context.Context) error {
	x := f.record(f.functions[f.random.IntN(len(f.functions))])
	if err := f.store.Start(ctx, x); err != nil {
		return err
	}
	return f.finish(ctx, x.ID)
}

func (f *filled) finish(ctx context.Context, id string) error {
	ending := store.Ending{Status: faas.ExecutionSuccess, Result: `{"duration": 0.01, "output": 1}`}
	return f.store.Finish(ctx, id, ending)
}
