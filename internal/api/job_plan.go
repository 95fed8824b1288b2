package api

import (
	"math"
	"time"

	"github.com/openstack-faas/faas/internal/api/fields"
	"github.com/openstack-faas/faas/internal/api/request"
	"github.com/openstack-faas/faas/internal/cron"
	"github.com/openstack-faas/faas/internal/faas"
)

// soonest is how far in the future a time must be that a user names, as in Qinling.
const soonest = time.Minute

// planned sets when a new job executes, and how often.
func (h *jobHandlers) planned(o *fields.Object, j *faas.Job) {
	now := h.now()
	first, count := h.timeField(o, "first_execution_time"), o.Number("count", "", 1, math.MaxInt32)
	j.Pattern, j.TimeZone = patternField(o), fields.ValueOr(zoneField(o), "")
	j.Count = faas.JobEndless
	if count != nil {
		j.Count = int(*count)
	}
	switch {
	case first.IsZero() && j.Pattern == "":
		o.Refuse("pattern or first_execution_time must be specified.")
	case j.Pattern == "" && j.TimeZone != "":
		o.Refuse("time_zone is of the clock that pattern is read by: without a pattern it must not be given.")
	case j.Pattern == "" && j.Count > 1:
		o.Refuse("pattern must be provided if count is greater than 1.")
	case j.Pattern == "":
		j.Count = 1
	}
	if o.Fault() != nil {
		return
	}
	j.FirstAt, j.NextAt = first, first
	if !first.IsZero() {
		return
	}
	schedule, err := cron.Parse(j.Pattern, j.TimeZone)
	if err != nil {
		refusePattern(o, j.Pattern, err)
		return
	}
	j.NextAt = schedule.Next(now)
}

// jobChange is what a PUT changes; nil leaves a field as it is.
type jobChange struct {
	name, pattern, zone, input *string
	status                     *faas.JobStatus
	next                       time.Time // zero: as it is
	now                        func() time.Time
}

func (h *jobHandlers) change(o *fields.Object) jobChange {
	c := jobChange{
		name: o.Text("name", fields.MaxLine), zone: zoneField(o), now: h.now, next: h.timeField(o, "next_execution_time"),
	}
	if _, ok := o.Get("function_input"); ok {
		input := inputField(o, "function_input", h.maxInput)
		c.input = &input
	}
	if _, ok := o.Get("pattern"); ok {
		pattern := patternField(o)
		c.pattern = &pattern
	}
	if status := o.Text("status", fields.MaxLine); status != nil {
		switch s := faas.JobStatus(*status); s {
		case faas.JobRunning, faas.JobPaused, faas.JobCancelled:
			c.status = &s
		default:
			o.Refuse("Invalid status: status must be running, paused or cancelled; it is %q.", request.Short(*status))
		}
	}
	return c
}

// apply changes a job. It is run within a transaction, and again if that must be repeated.
func (c jobChange) apply(j *faas.Job) error {
	if j.Status.Ended() {
		return faas.Errorf(faas.Invalid, "Can not update a finished job: job %s is %s.", j.ID, j.Status)
	}
	if c.pattern != nil && (*c.pattern == "") != (j.Pattern == "") {
		return faas.Errorf(faas.Invalid, "Can not change job type: job %s is %s.", j.ID, jobType(j.Pattern))
	}
	if c.zone != nil && j.Pattern == "" {
		return faas.Errorf(faas.Invalid, "time_zone can not be set: job %s is %s.", j.ID, jobType(j.Pattern))
	}
	before := *j
	setIf(&j.Name, c.name)
	setIf(&j.Pattern, c.pattern)
	setIf(&j.TimeZone, c.zone)
	setIf(&j.Input, c.input)
	setIf(&j.Status, c.status)
	resumed := before.Status == faas.JobPaused && j.Status == faas.JobRunning
	switch {
	case j.Status == faas.JobCancelled:
		j.NextAt = time.Time{}
		return nil
	case !c.next.IsZero():
		j.NextAt = c.next
		return nil
	case j.Pattern != "" && (resumed || j.Pattern != before.Pattern || j.TimeZone != before.TimeZone):
		return c.plan(j)
	case resumed:
		return farEnough("The job's next_execution_time", j.NextAt, c.now())
	}
	return nil
}

// plan has the job executed as its pattern says. What was missed while it was paused is not made up
// for.
func (c jobChange) plan(j *faas.Job) error {
	schedule, err := cron.Parse(j.Pattern, j.TimeZone)
	if err != nil {
		return faas.Errorf(faas.Invalid, "The specified pattern is not valid: %s.", err)
	}
	j.NextAt = schedule.Next(c.now())
	return nil
}

func jobType(pattern string) string {
	if pattern == "" {
		return "for one execution and has no pattern"
	}
	return "by a pattern and can not do without"
}

func setIf[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

// patternField returns a pattern that can be read; "" when it is not set.
func patternField(o *fields.Object) string {
	pattern := o.Line("pattern")
	if pattern == "" {
		return ""
	}
	if _, err := cron.Parse(pattern, ""); err != nil {
		refusePattern(o, pattern, err)
	}
	return pattern
}

// zoneField returns the name of a time zone that there is; nil when it is not set.
func zoneField(o *fields.Object) *string {
	zone := o.Text("time_zone", fields.MaxLine)
	if zone == nil {
		return nil
	}
	if _, err := cron.Zone(*zone); err != nil {
		o.Refuse("time_zone must be a name of the IANA database: %s.", err)
	}
	return zone
}

func refusePattern(o *fields.Object, pattern string, err error) {
	o.Refuse("The specified pattern is not valid: %q: %s.", request.Short(pattern), err)
}

// timeForms are how users write times; without a zone they are UTC. A fraction of a second is taken
// with each of them.
var timeForms = []string{
	"2006-01-02T15:04:05Z07:00", "2006-01-02 15:04:05Z07:00", "2006-01-02T15:04:05", "2006-01-02 15:04:05",
	"2006-01-02T15:04", "2006-01-02 15:04",
}

// timeField returns a time that is far enough in the future; zero when it is not set.
func (h *jobHandlers) timeField(o *fields.Object, name string) time.Time {
	text := o.Line(name)
	if text == "" {
		return time.Time{}
	}
	for _, form := range timeForms {
		t, err := time.Parse(form, text)
		if err != nil {
			continue
		}
		if err := farEnough(name, t, h.now()); err != nil {
			o.Refuse("%s", err)
		}
		return t.UTC()
	}
	o.Refuse("Invalid value for %s: it must be a time like 2026-01-31T12:00:00, in UTC where it names no zone; it is %q.",
		name, request.Short(text))
	return time.Time{}
}

// farEnough refuses a time that is not far enough in the future, or is further than a database can
// say.
func farEnough(name string, t, now time.Time) error {
	switch {
	case t.Before(now.Add(soonest)):
		return faas.Errorf(faas.Invalid, "Execution time must be at least 1 minute in the future; %s is %s.", name,
			t.UTC().Format(time.RFC3339))
	case t.After(now.AddDate(100, 0, 0)):
		return faas.Errorf(faas.Invalid, "Execution time must be within 100 years; %s is %s.", name,
			t.UTC().Format(time.RFC3339))
	}
	return nil
}
