package store

import (
	"context"
	"database/sql"
	"sync"
)

// recorders are the store's writers, kept apart so that nothing waits for what may take longer. On
// SQLite, which has one writer at a time, all three are the same.
type recorders struct {
	calls    *recorder // records of executions: single statements
	recorder *recorder // changes of functions, runtimes, quotas and the like
	chores   *recorder // maintenance, which may go through many rows

	form        recordForm
	metrics     *writeMetrics
	counts      callCounts
	usage       recordUsage
	statistics  statistics
	stopCounts  context.CancelFunc
	countsAdded sync.WaitGroup
}

func startRecorders(ctx context.Context, db *sql.DB, d dialect, form recordForm, o Options) (*recorders, error) {
	s := &recorders{
		form:    form,
		metrics: newWriteMetrics(),
		usage:   recordUsage{now: o.Now, pending: map[string]recordCounts{}, known: map[string]*knownRecords{}},
	}
	writers := s.make(db, d, o)
	db.SetMaxOpenConns(len(writers))
	db.SetMaxIdleConns(len(writers))
	if err := writers[0].connect(ctx); err != nil { // the others connect when they are needed
		return nil, unavailable(err)
	}
	for _, w := range writers {
		w.begin()
	}
	counting, stop := context.WithCancel(context.Background())
	s.stopCounts = stop
	s.countsAdded.Go(func() { s.counts.run(counting, s.chores) })
	s.countsAdded.Go(func() { s.usage.run(counting, s.chores) })
	s.countsAdded.Go(func() { s.statistics.run(counting, s.chores, o.StatisticsEvery) })
	return s, nil
}

// make makes the recorders and returns their writers.
func (s *recorders) make(db *sql.DB, d dialect, o Options) []*writer {
	out := &outage{log: o.Log}
	s.calls = newRecorder("calls", d, o, s, out)
	writers := []*writer{s.calls.newWriter(db, s.calls.small)}
	if !d.grammar().fenced {
		s.recorder, s.chores = s.calls, s.calls
		return writers
	}
	for range o.Writers - 1 {
		writers = append(writers, s.calls.newWriter(db, s.calls.small))
	}
	s.calls.large = make(chan *operation, maxWaiting)
	s.recorder, s.chores = newRecorder("changes", d, o, s, out), newRecorder("chores", d, o, s, out)
	return append(writers, s.calls.newWriter(db, s.calls.large),
		s.recorder.newWriter(db, s.recorder.small), s.chores.newWriter(db, s.chores.small))
}

// endWriting commits what was handed in and ends the writers. It reports false when it had been
// called before.
func (s *recorders) endWriting() bool {
	if !s.calls.refuse() {
		return false
	}
	s.recorder.refuse()
	s.chores.refuse()
	s.stopCounts()
	s.countsAdded.Wait()
	s.counts.flush(context.Background(), s.chores)
	s.usage.flush(context.Background(), s.chores)
	s.statistics.flush(context.Background(), s.chores)
	s.calls.stop()
	if s.recorder != s.calls {
		s.recorder.stop()
		s.chores.stop()
	}
	return true
}
