package faas

import "time"

// JobStatus is where a job is in its life.
type JobStatus string

// The states of a job.
const (
	JobRunning   JobStatus = "running"   // executes its function at NextAt
	JobPaused    JobStatus = "paused"    // keeps its place until it is resumed
	JobCancelled JobStatus = "cancelled" // ended by its user
	JobDone      JobStatus = "done"      // has executed its function as often as it was to
	JobError     JobStatus = "error"     // its one execution could not be made; StatusReason says why
)

// Ended reports whether the status is final.
func (s JobStatus) Ended() bool { return s == JobCancelled || s == JobDone || s == JobError }

// JobEndless is the Count of a job that goes on until it is cancelled.
const JobEndless = -1

// Job has a function executed at a time, or again and again by a pattern.
type Job struct {
	ID           string
	ProjectID    string
	UserID       string // who made it: its executions are theirs
	Name         string
	Calls        FunctionRef // in the job's project, resolved at each execution
	Input        string      // as in Execution
	Pattern      string      // of cron; "" for a job of one execution
	TimeZone     string      // of the pattern; "" for UTC
	Count        int         // executions still to come, or JobEndless
	Status       JobStatus
	StatusReason string    // why the last execution could not be made; "" after one that could
	FirstAt      time.Time // as the user wanted; zero: when the pattern says
	NextAt       time.Time // zero when there is no next
	CreatedAt    time.Time
	UpdatedAt    time.Time // by its user; zero until the first change
}

// Execution returns the execution of a job that is due: what it names is called. There is one of
// that id, whoever makes it.
func (j Job) Execution(called Callable) Execution {
	return Execution{
		ID: IDOf(j.ID, j.NextAt), ProjectID: j.ProjectID, UserID: j.UserID,
		FunctionID: called.Function.ID, FunctionVersion: called.Version,
		FunctionAlias: j.Calls.Alias, Input: j.Input, Description: "Created by Job " + j.ID,
		FollowUp: called.Function.Follows(),
	}
}

// Executed returns the job as it is after one execution, of which next is the one that its pattern
// has follow; zero for none.
func (j Job) Executed(next time.Time) Job {
	if j.Count != JobEndless {
		j.Count = max(0, j.Count-1)
	}
	j.NextAt, j.StatusReason = next, ""
	if j.Count == 0 || next.IsZero() {
		j.Status, j.NextAt = JobDone, time.Time{}
	}
	return j
}

// Skipped returns the job as it is after an execution that could not be made. It does not count.
func (j Job) Skipped(next time.Time, why string) Job {
	j.NextAt, j.StatusReason = next, why
	if next.IsZero() {
		j.Status = JobError
	}
	return j
}
