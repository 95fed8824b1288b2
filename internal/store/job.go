package store

import (
	"context"
	"errors"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// JobStore keeps jobs, which call functions at times, and queues what they call.
type JobStore struct{ *core }

// JobExecution is the kind of due work that a job's next execution is: its ref is the job. It is
// there for as long as the job is running.
const JobExecution = "job"

var jobs = newResource(table{name: "jobs", noun: "job"}, []column[faas.Job]{
	{name: "id", at: func(j *faas.Job) any { return &j.ID }, kind: code, index: indexOfEach, rule: insertOnly},
	{name: "project_id", at: func(j *faas.Job) any { return &j.ProjectID }, kind: text, index: indexOfValue,
		rule: insertOnly},
	{name: "user_id", at: func(j *faas.Job) any { return &j.UserID }, rule: insertOnly},
	{name: "name", at: func(j *faas.Job) any { return &j.Name }, kind: text},
	{name: "function_id", at: func(j *faas.Job) any { return referenceColumn{&j.Calls.FunctionID} }, kind: code,
		index: indexOfValue, rule: insertOnly},
	{name: "function_version", at: func(j *faas.Job) any { return &j.Calls.Version }, kind: number, rule: insertOnly},
	{name: "function_alias", at: func(j *faas.Job) any { return &j.Calls.Alias }, kind: text, rule: insertOnly},
	{name: "input", at: func(j *faas.Job) any { return &j.Input }},
	{name: "pattern", at: func(j *faas.Job) any { return &j.Pattern }, kind: text},
	{name: "time_zone", at: func(j *faas.Job) any { return &j.TimeZone }},
	{name: "executions_left", at: func(j *faas.Job) any { return &j.Count }, kind: number, as: "count"},
	{name: "status", at: func(j *faas.Job) any { return &j.Status }, kind: code},
	{name: "status_reason", at: func(j *faas.Job) any { return &j.StatusReason }},
	{name: "first_execution_time", at: func(j *faas.Job) any { return timeColumn{&j.FirstAt} }, kind: instant,
		rule: insertOnly},
	{name: "next_execution_time", at: func(j *faas.Job) any { return timeColumn{&j.NextAt} }, kind: instant},
	{name: "created_at", at: func(j *faas.Job) any { return timeColumn{&j.CreatedAt} }, kind: instant,
		index: indexOfRange, rule: insertOnly},
	{name: "updated_at", at: func(j *faas.Job) any { return timeColumn{&j.UpdatedAt} }, kind: instant},
})

// CreateJob records a job and returns it as recorded. An empty ID or CreatedAt is filled in. A
// function, version or alias that its project does not have is a faas.NotFound. What the project
// has then is within the quota, which may be nil, or the error is a faas.OverQuota.
func (s *JobStore) CreateJob(ctx context.Context, j faas.Job, quota faas.Amounts) (faas.Job, error) {
	if j.ID == "" {
		j.ID = faas.NewID()
	}
	if j.CreatedAt.IsZero() {
		j.CreatedAt = s.now()
	}
	for _, at := range []*time.Time{&j.CreatedAt, &j.UpdatedAt, &j.FirstAt, &j.NextAt} {
		*at = moment(micros(*at))
	}
	err := s.recorder.do(ctx, func(t *tx) error {
		if err := t.references.mayCall(j.ProjectID, j.Calls); err != nil {
			return err
		}
		if err := t.quota.use(j.ProjectID, faas.ResourceJobs, +1, quota); err != nil {
			return err
		}
		query, args := jobs.insert(t.grammar, &j)
		if _, err := t.exec(query, args...); err != nil {
			return t.already("job", j.ID, err)
		}
		return s.scheduleJob(t, j)
	})
	return j, err
}

// scheduleJob has a job executed at its time, or not at all when it is not running. What was
// planned before, were it in hand, is void.
func (s *JobStore) scheduleJob(t *tx, j faas.Job) error {
	if j.Status != faas.JobRunning {
		_, err := t.change(withdrawDue(JobExecution, j.ID))
		return err
	}
	return t.due.add(s.shards, JobExecution, j.ID, max(0, j.NextAt.Sub(s.now())))
}

// Job returns a job that the scope sees.
func (s *JobStore) Job(ctx context.Context, scope faas.Scope, id string) (faas.Job, error) {
	j, err := jobs.scan(s.readers.QueryRowContext(ctx, jobs.selectByID(), id))
	if err == nil && !scope.Sees(j.ProjectID) {
		return faas.Job{}, unseen("job", id, j.ProjectID)
	}
	return j, missing("job", id, err)
}

// Jobs lists what the scope sees.
func (s *JobStore) Jobs(ctx context.Context, scope faas.Scope, q faas.Query) (Page[faas.Job], error) {
	return list(ctx, s.core, &jobs, scope, q)
}

// UpdateJob has change set fields of a job, which nobody else changes meanwhile, and returns the job
// as it is then. change may be run more than once.
func (s *JobStore) UpdateJob(
	ctx context.Context, scope faas.Scope, id string, change func(*faas.Job) error,
) (faas.Job, error) {
	var j faas.Job
	err := s.recorder.do(ctx, func(t *tx) error {
		var err error
		if j, err = t.jobs.get(scope, id); err != nil {
			return err
		}
		before := j
		if err := change(&j); err != nil {
			return err
		}
		j.NextAt, j.UpdatedAt = moment(micros(j.NextAt)), s.timestamp()
		if err := t.jobs.update(&j); err != nil {
			return err
		}
		if j.Status == before.Status && j.NextAt.Equal(before.NextAt) {
			return nil
		}
		return s.scheduleJob(t, j)
	})
	if err != nil {
		return faas.Job{}, err
	}
	return j, nil
}

// DeleteJob forgets a job. The executions that it caused stay.
func (s *JobStore) DeleteJob(ctx context.Context, scope faas.Scope, id string) error {
	return s.recorder.do(ctx, func(t *tx) error {
		j, err := t.jobs.get(scope, id)
		if err != nil {
			return err
		}
		if n, err := t.exec(`DELETE FROM jobs WHERE id = ?`, id); err != nil || n == 0 {
			return err
		}
		if _, err := t.change(withdrawDue(JobExecution, id)); err != nil {
			return err
		}
		return t.quota.use(j.ProjectID, faas.ResourceJobs, -1, nil)
	})
}

// ErrJobChanged is in the chain of what FireJob returns when the job is not as it was read.
var ErrJobChanged = errors.New("the job was changed meanwhile")

// FireJob records in one transaction that a job has become after, that its execution is queued, and
// that the item, which was in hand for it, is done or is due at the job's next time. So an
// execution is made once, whichever process dies when. x is nil for an execution that could not be
// made. The error has ErrJobChanged or ErrNotInHand in its chain when nothing was recorded because
// somebody else was first.
func (s *JobStore) FireJob(ctx context.Context, i DueItem, before, after faas.Job, x *faas.Execution) error {
	after.NextAt = moment(micros(after.NextAt))
	after.StatusReason = shortened(after.StatusReason)
	settle := dueDone(i)
	if after.Status == faas.JobRunning {
		settle = dueAgain(s.dialect.grammar(), i, max(0, after.NextAt.Sub(s.now())))
	}
	err := s.recorder.do(ctx, func(t *tx) error {
		now, err := t.jobs.get(faas.AnyProject(), before.ID)
		if faas.KindOf(err) == faas.NotFound || err == nil && now != before {
			return faas.Errorf(faas.Conflict, "Job %s was changed meanwhile.", before.ID).WithCause(ErrJobChanged)
		}
		if err != nil {
			return err
		}
		n, err := t.change(settle)
		if err == nil && n == 0 {
			err = faas.Errorf(faas.Conflict, "The execution of job %s is not in hand any more.", i.Ref).WithCause(ErrNotInHand)
		}
		if err != nil {
			return err
		}
		if err := t.jobs.update(&after); err != nil || x == nil {
			return err
		}
		return t.executions.enqueue(s.shards, x)
	})
	if err == nil && x != nil {
		s.countQueued(x)
	}
	return err
}

// NoteJob records why the execution of a job that is due can not be made now.
func (s *JobStore) NoteJob(ctx context.Context, id, why string) error {
	_, err := s.recorder.exec(ctx, `UPDATE jobs SET status_reason = ? WHERE id = ? AND status = ?`,
		shortened(why), id, string(faas.JobRunning))
	return err
}

// jobRows are jobs within a transaction.
type jobRows struct{ *statements }

func (t jobRows) update(j *faas.Job) error {
	query, args := jobs.update(j.ID, j)
	_, err := t.exec(query, args...)
	return err
}

// get returns a job that the scope may change, and keeps others from changing it until the commit.
func (t jobRows) get(scope faas.Scope, id string) (faas.Job, error) {
	j, err := jobs.scan(t.queryRow(jobs.selectByID()+t.grammar.forUpdate, id))
	if err == nil && !scope.Sees(j.ProjectID) {
		return j, unseen("job", id, j.ProjectID)
	}
	return j, missing("job", id, err)
}
