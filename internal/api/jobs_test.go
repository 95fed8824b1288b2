package api

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/api/fields"
	"github.com/openstack-faas/faas/internal/api/request"
	"github.com/openstack-faas/faas/internal/faas"
)

// jobClock has the service believe that it is that time, and a second later after each pass.
type jobClock struct{ at time.Time }

func (c *jobClock) now() time.Time { return c.at }

func newJobs(t *testing.T) (s *service, clock *jobClock, function string) {
	t.Helper()
	clock = &jobClock{time.Date(2030, 1, 31, 10, 0, 30, 0, time.UTC)}
	s = newService(t, func(c *Config) { c.Now = clock.now })
	return s, clock, s.newFunction(s.newRuntime(), "f").ID
}

func (s *service) newJob(function, rest string) (j jobView) {
	s.t.Helper()
	s.do("POST", "/v1/jobs", `{"function_id": "`+function+`"`+rest+`}`, 201).decode(s.t, &j)
	return j
}

// changeJob sends all five fields, as clients do.
func (s *service) changeJob(id, name, status, pattern, next, input string, want int) (j jobView) {
	s.t.Helper()
	body := fmt.Sprintf(`{"name": %s, "status": %s, "pattern": %s, "next_execution_time": %s, "function_input": %s}`,
		name, status, pattern, next, input)
	answer := s.do("PUT", "/v1/jobs/"+id, body, want)
	if want == 200 {
		answer.decode(s.t, &j)
	}
	return j
}

func shownTime(text *string) string {
	if text == nil {
		return ""
	}
	return strings.TrimSuffix(*text, ".000000")
}

func TestNewJobs(t *testing.T) {
	s, _, function := newJobs(t)
	for rest, want := range map[string]struct {
		first, next string
		count       int // 0: endless
	}{
		`, "pattern": "0 12 * * *", "count": null, "first_execution_time": null, "function_alias": null, "function_version": 0, "name": null`: {
			"", "2030-01-31 12:00:00", 0},
		`, "pattern": "* * * * * */10", "count": 3`:                              {"", "2030-01-31 10:00:40", 3},
		`, "pattern": "@monthly", "first_execution_time": "2030-01-31T10:01:30"`: {"2030-01-31 10:01:30", "2030-01-31 10:01:30", 0},
		`, "first_execution_time": "2030-02-01 00:00:00+02:00"`:                  {"2030-01-31 22:00:00", "2030-01-31 22:00:00", 1},
		`, "first_execution_time": "2030-02-01T00:00:00.000", "count": 1`:        {"2030-02-01 00:00:00", "2030-02-01 00:00:00", 1},
	} {
		j := s.newJob(function, rest)
		if shownTime(j.FirstExecutionTime) != want.first || shownTime(j.NextExecutionTime) != want.next ||
			fields.ValueOr(j.Count, 0) != want.count || j.Status != "running" || *j.FunctionID != function {
			t.Errorf("%s: made %+v, want %+v", rest, j, want)
		}
	}
	j := s.newJob(function, `, "name": "n", "pattern": "@daily", "function_input": "{\"a\": 1}"`)
	if *j.FunctionInput != `{"a":1}` || *j.Name != "n" || j.ProjectID != project {
		t.Errorf("made %+v", j)
	}
	var list struct{ Jobs []jobView }
	s.do("GET", "/v1/jobs?name=n", "", 200).decode(t, &list)
	if len(list.Jobs) != 1 || list.Jobs[0].ID != j.ID {
		t.Errorf("listed %+v", list)
	}
	s.do("DELETE", "/v1/functions/"+function, "", 409)
	s.do("DELETE", "/v1/jobs/"+j.ID, "", 204)
	s.do("GET", "/v1/jobs/"+j.ID, "", 404)
}

func TestBadJobs(t *testing.T) {
	s, _, function := newJobs(t)
	for rest, want := range map[string]string{
		``:                          "pattern or first_execution_time must be specified.",
		`, "count": 1`:              "pattern or first_execution_time must be specified.",
		`, "pattern": "* * *"`:      "The specified pattern is not valid",
		`, "pattern": "0 0 30 2 *"`: "The specified pattern is not valid",
		`, "pattern": "@every 1s"`:  "The specified pattern is not valid",
		`, "first_execution_time": "2030-01-31T10:01:29"`:                              "Execution time must be at least 1 minute in the future",
		`, "first_execution_time": "2130-02-01T00:00:00"`:                              "within 100 years",
		`, "first_execution_time": "tomorrow"`:                                         "Invalid value for first_execution_time",
		`, "first_execution_time": "2030-02-01", "count": 2`:                           "Invalid value for first_execution_time",
		`, "first_execution_time": "2030-02-01T00:00:00", "count": 2`:                  "pattern must be provided if count is greater than 1.",
		`, "pattern": "@daily", "count": 0`:                                            "count must be from 1",
		`, "pattern": "@daily", "function_input": "` + strings.Repeat("x", 4097) + `"`: "function_input must be at most 4096 bytes",
		`, "pattern": "@daily", "status": "paused"`:                                    "There is no field",
	} {
		answer := s.send(testRequest{method: "POST", path: "/v1/jobs", body: `{"function_id": "` + function + `"` + rest + `}`})
		if answer.status != 400 && answer.status != 413 || !strings.Contains(string(answer.body), want) {
			t.Errorf("%.80s: %d %s, want %s", rest, answer.status, answer.body, want)
		}
	}
	s.do("POST", "/v1/jobs", `{"pattern": "@daily"}`, 400)
	s.do("POST", "/v1/jobs", `{"pattern": "@daily", "function_id": "`+faas.NewID()+`"}`, 404)
}

func TestChangedJobs(t *testing.T) {
	s, clock, function := newJobs(t)
	const null = "null"
	j := s.newJob(function, `, "pattern": "0 * * * *", "function_input": "x", "name": "n"`)
	if got := s.changeJob(j.ID, null, null, null, null, null, 200); *got.NextExecutionTime != *j.NextExecutionTime || *got.Name != "n" ||
		*got.FunctionInput != *j.FunctionInput || got.UpdatedAt == nil {
		t.Errorf("nulls have changed %+v", got)
	}
	if got := s.changeJob(j.ID, `"m"`, null, `"30 * * * *"`, null, `"y"`, 200); *got.Name != "m" ||
		shownTime(got.NextExecutionTime) != "2030-01-31 10:30:00" || !strings.Contains(*got.FunctionInput, `"y"`) {
		t.Errorf("changed to %+v", got)
	}
	if got := s.changeJob(j.ID, null, null, null, `"2030-01-31T10:10:00"`, null, 200); shownTime(got.NextExecutionTime) != "2030-01-31 10:10:00" {
		t.Errorf("moved to %+v", got)
	}
	if got := s.changeJob(j.ID, null, `"paused"`, null, null, null, 200); got.Status != "paused" {
		t.Errorf("paused as %+v", got)
	}
	clock.at = clock.at.Add(24 * time.Hour)
	if got := s.changeJob(j.ID, null, `"running"`, null, null, null, 200); got.Status != "running" ||
		shownTime(got.NextExecutionTime) != "2030-02-01 10:30:00" {
		t.Errorf("resumed as %+v", got)
	}
	for _, status := range []string{`"done"`, `"error"`, `"stopped"`, `""`, "7"} {
		s.changeJob(j.ID, null, status, null, null, null, 400)
	}
	s.changeJob(j.ID, null, null, `""`, null, null, 400)
	s.changeJob(j.ID, null, null, `"* *"`, null, null, 400)
	s.changeJob(j.ID, null, null, null, `"2030-02-01T10:01:00"`, null, 400)
	if got := s.changeJob(j.ID, null, `"cancelled"`, null, null, null, 200); got.Status != "cancelled" || got.NextExecutionTime != nil {
		t.Errorf("cancelled as %+v", got)
	}
	s.changeJob(j.ID, null, `"running"`, null, null, null, 400)
	s.changeJob(j.ID, `"x"`, null, null, null, null, 400)
}

// TestPausedOnce resumes jobs of one execution before and after their time.
func TestPausedOnce(t *testing.T) {
	s, clock, function := newJobs(t)
	const null = "null"
	once := s.newJob(function, `, "first_execution_time": "2030-01-31T10:10:00"`)
	s.changeJob(once.ID, null, null, `"* * * * *"`, null, null, 400)
	s.changeJob(once.ID, null, `"paused"`, null, null, null, 200)
	if got := s.changeJob(once.ID, null, `"running"`, null, null, null, 200); *got.NextExecutionTime != *once.NextExecutionTime {
		t.Errorf("resumed as %+v", got)
	}
	s.changeJob(once.ID, null, `"paused"`, null, null, null, 200)
	clock.at = clock.at.Add(10 * time.Minute)
	s.changeJob(once.ID, null, `"running"`, null, null, null, 400)
	if got := s.changeJob(once.ID, null, `"running"`, null, `"2030-01-31T11:00:00"`, null, 200); got.Status != "running" {
		t.Errorf("resumed as %+v", got)
	}
}

const inZone = "function-engine 1.5"

// TestJobsInZones has jobs follow the clocks of places, and change them, at microversions that know of it.
func TestJobsInZones(t *testing.T) {
	s, clock, function := newJobs(t)
	send := func(method, path, version, body string, want int) (j zonedJobView) {
		t.Helper()
		got := s.send(testRequest{method: method, path: path, body: body, header: map[string]string{request.MicroversionHeader: version}})
		if got.status != want {
			t.Errorf("%s %s %s: %d %s, want %d", method, path, body, got.status, got.body, want)
		} else if want < 300 {
			got.decode(t, &j)
		}
		return j
	}
	create := func(rest string, want int) zonedJobView {
		t.Helper()
		return send("POST", "/v1/jobs", inZone, `{"function_id": "`+function+`"`+rest+`}`, want)
	}
	shown := func(j zonedJobView, zone, next string) {
		t.Helper()
		if fields.ValueOr(j.TimeZone, "") != zone || shownTime(j.NextExecutionTime) != next || j.StatusReason != nil {
			t.Errorf("shown is %+v, next at %s; want %s in %s", j, shownTime(j.NextExecutionTime), next, zone)
		}
	}
	shown(create(`, "pattern": "30 2 * * *"`, 201), "UTC", "2030-02-01 02:30:00")
	shown(create(`, "pattern": "30 2 * * *", "time_zone": null`, 201), "UTC", "2030-02-01 02:30:00")
	shown(create(`, "first_execution_time": "2030-02-01T00:00:00"`, 201), "", "2030-02-01 00:00:00")
	clock.at = time.Date(2030, 3, 30, 12, 0, 0, 0, time.UTC) // the clocks are set forward that night
	j := create(`, "pattern": "30 2 * * *", "time_zone": "Europe/Berlin"`, 201)
	shown(j, "Europe/Berlin", "2030-03-31 01:30:00")
	path := "/v1/jobs/" + j.ID
	shown(send("GET", path, inZone, "", 200), "Europe/Berlin", "2030-03-31 01:30:00")
	shown(send("PUT", path, inZone, `{"time_zone": "Asia/Kolkata"}`, 200), "Asia/Kolkata", "2030-03-30 21:00:00")
	shown(send("PUT", path, inZone, `{"time_zone": "Asia/Kolkata", "name": "n"}`, 200), "Asia/Kolkata", "2030-03-30 21:00:00")
	clock.at = time.Date(2030, 10, 26, 12, 0, 0, 0, time.UTC) // back
	shown(send("PUT", path, inZone, `{"time_zone": "Europe/Berlin"}`, 200), "Europe/Berlin", "2030-10-27 00:30:00")
	shown(send("PUT", path, inZone, `{"time_zone": ""}`, 200), "UTC", "2030-10-27 02:30:00")

	create(`, "pattern": "30 2 * * *", "time_zone": "Europe/Atlantis"`, 400)
	create(`, "pattern": "30 2 * * *", "time_zone": "../../etc/passwd"`, 400)
	create(`, "pattern": "30 2 * * *", "time_zone": 1`, 400)
	create(`, "first_execution_time": "2030-11-01T00:00:00", "time_zone": "Europe/Berlin"`, 400)
	send("PUT", path, inZone, `{"time_zone": "Europe/Atlantis"}`, 400)
	once := create(`, "first_execution_time": "2030-11-01T00:00:00"`, 201)
	send("PUT", "/v1/jobs/"+once.ID, inZone, `{"time_zone": "Europe/Berlin"}`, 400)

	s.must(s.store.NoteJob(t.Context(), j.ID, "over a quota"))
	if got := send("GET", path, inZone, "", 200); fields.ValueOr(got.StatusReason, "") != "over a quota" {
		t.Errorf("the reason is not shown: %+v", got)
	}

	const before = "function-engine 1.4"
	body := `{"function_id": "` + function + `", "pattern": "30 2 * * *", "time_zone": "Europe/Berlin"}`
	send("POST", "/v1/jobs", before, body, 400)
	send("PUT", path, before, `{"time_zone": "Europe/Berlin"}`, 400)
	got := s.send(testRequest{method: "GET", path: path, header: map[string]string{request.MicroversionHeader: before}})
	if text := string(got.body); strings.Contains(text, "time_zone") || strings.Contains(text, "status_reason") {
		t.Errorf("1.4 shows %s", text)
	}
}

// TestJobsAreAnnounced has engines told of jobs that are due before they would look, and of no other.
func TestJobsAreAnnounced(t *testing.T) {
	s, _, function := newJobs(t) // it is 10:00:30
	announced := make(chan string, 100)
	_, err := s.broker.Subscribe(t.Context(), faas.TopicWorkAdded, func(body []byte) {
		var news faas.WorkAdded
		if err := json.Unmarshal(body, &news); err != nil {
			t.Error(err)
		}
		announced <- news.Ref
	})
	s.must(err)
	const null = "null"
	later := s.newJob(function, `, "pattern": "* * * * * 40"`)
	s.changeJob(later.ID, `"n"`, null, null, null, null, 200)
	s.changeJob(later.ID, null, `"paused"`, `"* * * * * *"`, null, null, 200)
	soon := s.newJob(function, `, "pattern": "* * * * * 33"`)
	s.changeJob(later.ID, null, `"running"`, null, null, null, 200)
	for _, want := range []string{soon.ID, later.ID} {
		if got := <-announced; got != want {
			t.Errorf("announced is %s, want %s", got, want)
		}
	}
	if len(announced) > 0 {
		t.Errorf("announced is %s, too", <-announced)
	}
}
