package api

import (
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/openstack-faas/faas/internal/api/request"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/policy"
	"github.com/openstack-faas/faas/internal/store"
)

// statisticsHandlers answer for /v1/statistics.
type statisticsHandlers struct {
	store  *store.Store
	policy *policy.Enforcer
	now    func() time.Time
}

// statisticsRange is how far back the answer goes when the request does not say.
const statisticsRange = 24 * time.Hour

// get is GET /v1/statistics: how often functions were called, how that went and how long it took.
func (h *statisticsHandlers) get(r *http.Request, id faas.Identity) (any, error) {
	asked, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, faas.Errorf(faas.Invalid, "The query string is malformed.").WithCause(err)
	}
	for name, values := range asked {
		switch name {
		case "from", "to", "step", "function_id", "project_id", "all_projects":
		default:
			return nil, faas.Errorf(faas.Invalid, "There is no query parameter %q here; there are from, to, step, "+
				"function_id, project_id and all_projects.", request.Short(name))
		}
		if len(values) != 1 {
			return nil, faas.Errorf(faas.Invalid, "%s must be given once; it is given %d times.", name, len(values))
		}
	}
	q, err := statisticsTimes(asked, h.now())
	if err != nil {
		return nil, err
	}
	if err := h.about(r, id, asked, &q); err != nil {
		return nil, err
	}
	found, err := h.store.Statistics(r.Context(), q)
	if err != nil {
		return nil, err
	}
	return viewStatistics(q, found), nil
}

// statisticsTimes returns the range and the step of a query, whole steps of which the last may not
// have ended.
func statisticsTimes(asked url.Values, now time.Time) (q faas.StatisticsQuery, err error) {
	q = faas.StatisticsQuery{Step: faas.ShortStep, To: now}
	if text := asked.Get("step"); text != "" {
		n, err := strconv.Atoi(text)
		if q.Step = time.Duration(n) * time.Second; err != nil || q.Step != faas.ShortStep && q.Step != faas.LongStep {
			return q, faas.Errorf(faas.Invalid, "step must be %d or %d, in seconds; it is %q.",
				int(faas.ShortStep.Seconds()), int(faas.LongStep.Seconds()), request.Short(text))
		}
	}
	if q.To, err = queryTime(asked, "to", q.To); err != nil {
		return q, err
	}
	if q.From, err = queryTime(asked, "from", q.To.Add(-statisticsRange)); err != nil {
		return q, err
	}
	if !q.From.Before(q.To) {
		return q, faas.Errorf(faas.Invalid, "from must be before to; from is %s and to is %s.",
			q.From.UTC().Format(time.RFC3339), q.To.UTC().Format(time.RFC3339))
	}
	from := q.From.Truncate(q.Step)
	to := q.To.Truncate(q.Step)
	if to.Before(q.To) {
		to = to.Add(q.Step)
	}
	if points := int64(to.Sub(from) / q.Step); points > faas.MaxStatisticsPoints {
		return q, faas.Errorf(faas.Invalid, "The time from %s to %s has %d steps of %d seconds; at most %d are "+
			"answered at a time: ask for a shorter time or a longer step.", q.From.UTC().Format(time.RFC3339),
			q.To.UTC().Format(time.RFC3339), points, int(q.Step.Seconds()), faas.MaxStatisticsPoints)
	}
	q.From, q.To = from, to
	return q, nil
}

func queryTime(asked url.Values, name string, unset time.Time) (time.Time, error) {
	text := asked.Get(name)
	if text == "" {
		return unset, nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t, err = time.Parse(timeForm, text) // as answers have it
	}
	if err != nil || t.Year() < 1970 || t.Year() > 2200 {
		return t, faas.Errorf(faas.Invalid, "%s must be a time of the form 2026-01-31T15:04:05Z; it is %q.",
			name, request.Short(text))
	}
	return t, nil
}

// about settles whose calls are asked for, and whether the caller may know.
func (h *statisticsHandlers) about(
	r *http.Request, id faas.Identity, asked url.Values, q *faas.StatisticsQuery,
) (err error) {
	q.ProjectID = id.ProjectID
	if text := asked.Get("all_projects"); text != "" {
		every, err := strconv.ParseBool(text)
		if err != nil {
			return faas.Errorf(faas.Invalid, "all_projects must be true or false; it is %q.", request.Short(text))
		}
		if every {
			if asked.Get("project_id") != "" || asked.Get("function_id") != "" {
				return faas.Errorf(faas.Invalid, "all_projects cannot be combined with project_id or function_id.")
			}
			q.ProjectID = ""
			return h.policy.Allow(r.Context(), id, "statistics:get:all_projects", policy.Target{})
		}
	}
	if text := asked.Get("project_id"); text != "" {
		if err := request.CheckProject(text); err != nil {
			return err
		}
		q.ProjectID = text
	}
	if q.ProjectID == "" {
		return faas.Errorf(faas.Invalid,
			"The token is not scoped to a project; name a project, as in ?project_id=…, or ask for all_projects=true.")
	}
	if q.ProjectID != id.ProjectID {
		err := h.policy.Allow(r.Context(), id, "statistics:get:all_projects", policy.Target{ProjectID: q.ProjectID})
		if err != nil {
			return err
		}
	}
	if text := asked.Get("function_id"); text != "" {
		q.FunctionID, err = request.Resolve(r, id, "function_id", text, h.store.FunctionID)
	}
	return err
}

type statisticsView struct {
	From   *string           `json:"from"`
	To     *string           `json:"to"`
	Step   int               `json:"step"` // seconds
	Points []statisticsPoint `json:"points"`
	Total  statisticsNumbers `json:"total"`
}

type statisticsPoint struct {
	At *string `json:"at"`
	statisticsNumbers
}

type statisticsNumbers struct {
	Calls     int64   `json:"calls"`
	Succeeded int64   `json:"succeeded"`
	Failed    int64   `json:"failed"`
	Errors    int64   `json:"errors"`
	Cancelled int64   `json:"cancelled"`
	Cold      int64   `json:"cold_starts"`
	P50       float64 `json:"p50_ms"`
	P95       float64 `json:"p95_ms"`
	GBSeconds float64 `json:"gb_seconds"`
}

func viewStatistics(q faas.StatisticsQuery, found faas.Statistics) any {
	v := statisticsView{
		From: timeText(q.From), To: timeText(q.To), Step: int(q.Step.Seconds()), Points: []statisticsPoint{},
		Total: viewNumbers(found.Total),
	}
	for _, p := range found.Points {
		v.Points = append(v.Points, statisticsPoint{At: timeText(p.At), statisticsNumbers: viewNumbers(p)})
	}
	return map[string]any{"statistics": v}
}

func viewNumbers(p faas.StatisticsPoint) statisticsNumbers {
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1e3 }
	return statisticsNumbers{
		Calls: p.Calls, Succeeded: p.Succeeded, Failed: p.Failed, Errors: p.Errors, Cancelled: p.Cancelled, Cold: p.Cold,
		P50: ms(p.P50), P95: ms(p.P95), GBSeconds: p.GBSeconds,
	}
}
