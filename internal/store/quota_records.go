package store

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// recordUsage counts what the records of executions take, by project: how many executions are
// queued, and the bytes of all records. Counting in the transactions of the executions would have
// every call of a project wait for the row of its count. Instead each process counts what it has
// committed and adds that to the rows of quota_usages once a second.
//
// So the counts are near the truth and not exact: a process does not see what others have done
// within the last second, and what a process that is killed had not added yet is missing until
// RepairRecordUsage counts anew. A project can pass its limits by what it does in a second.
type recordUsage struct {
	read    func(ctx context.Context, projectID string) (recordCounts, error)
	now     func() time.Time
	reading sync.WaitGroup // reads that nobody waits for

	mu      sync.Mutex
	closed  bool
	pending map[string]recordCounts  // by project: committed here and not added to the rows
	known   map[string]*knownRecords // by project: the rows as they were read last
}

// recordCounts are numbers of queued executions and of bytes, or changes of them.
type recordCounts struct{ queued, bytes int64 }

func (c recordCounts) plus(d recordCounts) recordCounts {
	return recordCounts{c.queued + d.queued, c.bytes + d.bytes}
}

type knownRecords struct {
	recordCounts
	at      time.Time
	reading bool
}

const (
	// usageFresh is how long counts that were read do without being read again.
	usageFresh = time.Second
	// maxKnownUsages bounds the projects whose counts are remembered.
	maxKnownUsages = 10_000
	// recordOverhead is what a record takes in bytes besides its texts, with its entries in
	// indexes.
	recordOverhead = 512
)

// recordBytes returns what the record of an execution takes, with what is kept apart.
func recordBytes(x *faas.Execution) int64 {
	return recordOverhead + max(int64(len(x.Input)), x.InputCut) + max(int64(len(x.Result)), x.ResultCut) +
		max(int64(len(x.Log)), x.LogCut)
}

// RecordUsage returns how many queued executions a project has (faas.ResourceQueued) and how many
// bytes its records take (faas.ResourceRecords), as far as this process knows. It waits for the
// database only when nothing is known of the project yet.
func (s *QuotaStore) RecordUsage(ctx context.Context, projectID string) (faas.Amounts, error) {
	counts, err := s.usage.of(ctx, projectID)
	return faas.Amounts{faas.ResourceQueued: max(0, counts.queued), faas.ResourceRecords: max(0, counts.bytes)}, err
}

// readRecordCounts reads the rows.
func (s *QuotaStore) readRecordCounts(ctx context.Context, projectID string) (recordCounts, error) {
	used, err := s.QuotaUsage(ctx, projectID)
	return recordCounts{used[faas.ResourceQueued], used[faas.ResourceRecords]}, err
}

func (u *recordUsage) of(ctx context.Context, projectID string) (recordCounts, error) {
	u.mu.Lock()
	k := u.known[projectID]
	if k == nil {
		u.mu.Unlock()
		counts, err := u.refresh(ctx, projectID)
		return counts, err
	}
	defer u.mu.Unlock()
	if !k.reading && !u.closed && u.now().Sub(k.at) > usageFresh {
		k.reading = true
		u.reading.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), sharedReadTimeout)
			defer cancel()
			_, _ = u.refresh(ctx, projectID) // what was read last holds until the next try
		})
	}
	return k.plus(u.pending[projectID]), nil
}

// refresh reads a project's counts and returns them with what is not added yet.
func (u *recordUsage) refresh(ctx context.Context, projectID string) (recordCounts, error) {
	counts, err := u.read(ctx, projectID)
	u.mu.Lock()
	defer u.mu.Unlock()
	if k := u.known[projectID]; err != nil && k != nil {
		k.at, k.reading = u.now(), false
	}
	if err != nil {
		return recordCounts{}, err
	}
	if len(u.known) >= maxKnownUsages {
		clear(u.known) // they are read again, as they are asked for
	}
	u.known[projectID] = &knownRecords{recordCounts: counts, at: u.now()}
	return counts.plus(u.pending[projectID]), nil
}

// add counts what was committed.
func (u *recordUsage) add(projectID string, d recordCounts) {
	if projectID == "" || d == (recordCounts{}) {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.pending[projectID] = u.pending[projectID].plus(d)
}

// committed counts an operation that was committed.
func (u *recordUsage) committed(op *operation) {
	switch {
	case op.row != nil:
		d := recordCounts{bytes: recordBytes(op.row)}
		if op.row.Status == faas.ExecutionQueued {
			d.queued = 1
		}
		u.add(op.row.ProjectID, d)
	case op.ending != nil && op.changed > 0:
		u.add(op.ending.ProjectID, recordCounts{bytes: op.ending.bytes()})
	}
}

// take returns what is to be added to the rows. It counts as added from now on.
func (u *recordUsage) take() map[string]recordCounts {
	u.mu.Lock()
	defer u.mu.Unlock()
	taken := u.pending
	u.pending = map[string]recordCounts{}
	for projectID, d := range taken {
		if k := u.known[projectID]; k != nil {
			k.recordCounts = k.plus(d)
		}
	}
	return taken
}

// run adds what was committed to the rows until the context ends.
func (u *recordUsage) run(ctx context.Context, r *recorder) {
	ticker := time.NewTicker(countEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			u.flush(ctx, r)
		case <-ctx.Done():
			return
		}
	}
}

// flush adds what was committed to the rows through the recorder, also when that refuses callers.
// What it knows not to be added stays. The rows are written in the order of their projects, so that
// no two processes wait for each other.
func (u *recordUsage) flush(ctx context.Context, r *recorder) {
	timeout := time.NewTimer(r.timeout)
	defer timeout.Stop()
	taken := u.take()
	handed := map[string]*operation{}
	for _, projectID := range slices.Sorted(maps.Keys(taken)) {
		d := taken[projectID]
		op := &operation{kept: true, final: true, answer: make(chan struct{}),
			do: func(t *tx) error { return t.quota.addRecords(projectID, d) }}
		if err := r.hand(ctx, op, timeout.C); err != nil {
			u.putBack(projectID, d)
			continue
		}
		handed[projectID] = op
	}
	for projectID, op := range handed {
		select {
		case <-op.answer:
			if op.err != nil {
				u.putBack(projectID, taken[projectID])
			}
		case <-ctx.Done(): // it is kept, and will be added
			return
		}
	}
}

// putBack undoes take for one project.
func (u *recordUsage) putBack(projectID string, d recordCounts) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.pending[projectID] = u.pending[projectID].plus(d)
	if k := u.known[projectID]; k != nil {
		k.recordCounts = k.plus(recordCounts{-d.queued, -d.bytes})
	}
}

// close waits for reads under way and begins no others.
func (u *recordUsage) close() {
	u.mu.Lock()
	u.closed = true
	u.mu.Unlock()
	u.reading.Wait()
}

func (t quotaUse) addRecords(projectID string, d recordCounts) error {
	if err := t.addUncapped(projectID, faas.ResourceQueued, d.queued); err != nil {
		return err
	}
	return t.addUncapped(projectID, faas.ResourceRecords, d.bytes)
}

// addUncapped adds n, which may be negative, to a count without a limit. The count may fall below 0
// for a moment: an execution that one process has queued and another has claimed may be taken off
// before it is added. Were it kept at 0, it would be too high ever after.
func (t quotaUse) addUncapped(projectID string, r faas.Resource, n int64) error {
	if n == 0 {
		return nil
	}
	if done, err := t.add(projectID, r, n, faas.Unlimited); done || err != nil {
		return err
	}
	_, err := t.exec(`INSERT INTO quota_usages (project_id, resource, used) VALUES (?, ?, ?)`,
		projectID, string(r), n)
	if t.dialect.fault(err) == duplicate { // another process was first
		_, err = t.add(projectID, r, n, faas.Unlimited)
	}
	return err
}
