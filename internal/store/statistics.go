package store

import (
	"cmp"
	"context"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// Sample is what the end of an execution adds to the statistics of its function. The zero Sample
// adds nothing.
type Sample struct {
	FunctionID string
	Took       time.Duration
	Memory     int64 // bytes of the function's memory_size
	Cold       bool  // it waited for a worker to become the function's
}

// statistics adds up executions that ended, by function and time, and adds that to the rows of the
// table statistics now and then: added in the transactions of the executions it would have every
// call of a function wait for the same row. What a process had not added when it was killed is
// missing; nothing is billed by these numbers.
//
// A row is of a function, a step of time and a class of durations. Rows without a function are of
// the whole project, those without a project of all of them, so that a picture of either reads no
// more rows than one of a function.
type statistics struct {
	mu      sync.Mutex
	pending map[statisticsKey]statisticsSums
}

type statisticsKey struct {
	project, function string
	step              int64 // seconds
	at                int64 // µs since 1970: the beginning of the step
	class             int   // of durations
}

type statisticsSums struct {
	calls, failed, errors, cancelled, cold int64
	kbMs                                   int64 // milliseconds times memory in KiB
}

func (a statisticsSums) plus(b statisticsSums) statisticsSums {
	return statisticsSums{a.calls + b.calls, a.failed + b.failed, a.errors + b.errors, a.cancelled + b.cancelled,
		a.cold + b.cold, a.kbMs + b.kbMs}
}

const (
	// maxPendingStatistics bounds what waits to be written, while the database is away above all:
	// what no row is waiting for is not counted then.
	maxPendingStatistics = 50_000
	// classesPerDecade is how many classes of durations there are between one and ten.
	classesPerDecade = 5
	// lastClass has all that took longer than 10^(lastClass/5) ms, which is more than a day.
	lastClass = 40
)

// durationClass returns the class of a duration: class 0 ends at 1 ms, each other at 1.58 times the
// end of the one before.
func durationClass(d time.Duration) int {
	ms := float64(d) / float64(time.Millisecond)
	if ms <= 1 {
		return 0
	}
	// A hair less, so that the end of a class is within it.
	return min(lastClass, int(math.Ceil(classesPerDecade*math.Log10(ms)-1e-9)))
}

// classEnd returns the longest duration of a class.
func classEnd(class int) time.Duration {
	return time.Duration(math.Pow(10, float64(class)/classesPerDecade) * float64(time.Millisecond))
}

// ended counts an execution that ended.
func (s *statistics) ended(projectID string, e *Ending) {
	if e.Sample.FunctionID == "" {
		return
	}
	ms := float64(e.Sample.Took) / float64(time.Millisecond)
	sums := statisticsSums{calls: 1, kbMs: int64(ms * float64(e.Sample.Memory>>10))}
	switch e.Status {
	case faas.ExecutionFailed:
		sums.failed = 1
	case faas.ExecutionError:
		sums.errors = 1
	case faas.ExecutionCancelled:
		sums.cancelled = 1
	case faas.ExecutionSuccess, faas.ExecutionQueued, faas.ExecutionRunning:
	}
	if e.Sample.Cold {
		sums.cold = 1
	}
	// Hours are made of the short steps when they are written.
	s.add(statisticsKey{
		project: projectID, function: e.Sample.FunctionID, step: int64(faas.ShortStep.Seconds()),
		at: micros(e.EndedAt.Truncate(faas.ShortStep)), class: durationClass(e.Sample.Took),
	}, sums)
}

// committed counts an operation that was committed, if it ended an execution.
func (s *statistics) committed(op *operation) {
	switch {
	case op.ending == nil:
	case op.row != nil:
		s.ended(op.row.ProjectID, op.ending)
	case op.changed > 0:
		s.ended(op.ending.ProjectID, op.ending)
	}
}

func (s *statistics) add(key statisticsKey, sums statisticsSums) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pending == nil {
		s.pending = map[statisticsKey]statisticsSums{}
	}
	was, there := s.pending[key]
	if !there && len(s.pending) >= maxPendingStatistics {
		return
	}
	s.pending[key] = was.plus(sums)
}

func (s *statistics) take() map[statisticsKey]statisticsSums {
	s.mu.Lock()
	defer s.mu.Unlock()
	taken := s.pending
	s.pending = nil
	return taken
}

// run adds what was counted to the rows until the context ends.
func (s *statistics) run(ctx context.Context, r *recorder, every time.Duration) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			s.flush(ctx, r)
		case <-ctx.Done():
			return
		}
	}
}

// statisticsBatch is how many rows one transaction, and one statement, writes.
const statisticsBatch = 32

// flush adds what was counted to the rows, through the recorder. What it knows not to be added
// stays, to be added the next time.
func (s *statistics) flush(ctx context.Context, r *recorder) {
	timeout := time.NewTimer(r.timeout)
	defer timeout.Stop()
	taken := s.take()
	keys := slices.SortedFunc(maps.Keys(taken), compareStatistics)
	for batch := range slices.Chunk(keys, statisticsBatch) {
		rows := widened(batch, taken)
		op := &operation{kept: true, final: true, answer: make(chan struct{}),
			do: func(t *tx) error { return t.statistics.add(rows) }}
		if err := r.hand(ctx, op, timeout.C); err != nil {
			s.putBack(batch, taken)
			continue
		}
		select {
		case <-op.answer:
			if op.err != nil {
				s.putBack(batch, taken)
			}
		case <-ctx.Done(): // it is kept, and will be added
		}
	}
}

func (s *statistics) putBack(keys []statisticsKey, taken map[statisticsKey]statisticsSums) {
	for _, key := range keys {
		s.add(key, taken[key])
	}
}

func compareStatistics(a, b statisticsKey) int {
	return cmp.Or(strings.Compare(a.project, b.project), strings.Compare(a.function, b.function),
		cmp.Compare(a.step, b.step), cmp.Compare(a.at, b.at), cmp.Compare(a.class, b.class))
}

// statisticsRow is what is added to a row.
type statisticsRow struct {
	statisticsKey
	statisticsSums
}

// widened returns the rows of functions, of their projects and of everybody, by short steps and by
// hours. They are in the order of their keys, so that no two processes wait for each other.
func widened(keys []statisticsKey, of map[statisticsKey]statisticsSums) []statisticsRow {
	sums := map[statisticsKey]statisticsSums{}
	for _, key := range keys {
		for _, step := range []time.Duration{faas.ShortStep, faas.LongStep} {
			wide := key
			wide.step, wide.at = int64(step.Seconds()), micros(moment(key.at).Truncate(step))
			sums[wide] = sums[wide].plus(of[key])
			wide.function = ""
			sums[wide] = sums[wide].plus(of[key])
			wide.project = ""
			sums[wide] = sums[wide].plus(of[key])
		}
	}
	rows := make([]statisticsRow, 0, len(sums))
	for _, key := range slices.SortedFunc(maps.Keys(sums), compareStatistics) {
		rows = append(rows, statisticsRow{key, sums[key]})
	}
	return rows
}

// statisticsRows are sums of calls within a transaction.
type statisticsRows struct{ *statements }

// add adds to the rows, many in one statement: a statement is a round trip.
func (t statisticsRows) add(rows []statisticsRow) error {
	for len(rows) >= statisticsBatch {
		if err := t.addBatch(rows[:statisticsBatch]); err != nil {
			return err
		}
		rows = rows[statisticsBatch:]
	}
	for i := range rows { // prepared statements are kept: there are two, not one for every number of rows
		if err := t.addBatch(rows[i : i+1]); err != nil {
			return err
		}
	}
	return nil
}

func (t statisticsRows) addBatch(rows []statisticsRow) error {
	const columns = 11
	args := make([]any, 0, columns*len(rows))
	for _, r := range rows {
		args = append(args, r.project, r.function, r.step, r.at, int64(r.class), r.calls, r.failed, r.errors, r.cancelled,
			r.cold, r.kbMs)
	}
	one := `(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	_, err := t.exec(`INSERT INTO statistics
		(project_id, function_id, step, at, duration_class, calls, failed, errors, cancelled, cold, kb_ms)
		VALUES `+strings.Repeat(one+", ", len(rows)-1)+one+t.grammar.addingTo("project_id, function_id, step, at, duration_class",
		"calls", "failed", "errors", "cancelled", "cold", "kb_ms"), args...)
	return err
}
