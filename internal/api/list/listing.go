package list

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/openstack-faas/faas/internal/api/answer"
	"github.com/openstack-faas/faas/internal/api/request"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/policy"
)

// Listing is what a request for a list asks for.
type Listing struct {
	Query       faas.Query
	AllProjects bool
	ProjectID   string // "" for the caller's own
}

// filterOps are the comparisons that a filter's value may begin with, as in ?name=neq:x.
var filterOps = []string{"eq", "neq", "in", "nin", "gt", "gte", "lt", "lte", "has"}

// parseListing takes the query string of a list. What is no word of paging is a filter on a field
// of that name; the store knows which there are.
func parseListing(values url.Values, maxLimit int) (Listing, error) {
	l := Listing{Query: faas.Query{Limit: maxLimit}}
	for name, texts := range values {
		for _, text := range texts {
			if err := l.take(name, text, maxLimit); err != nil {
				return Listing{}, err
			}
		}
	}
	slices.SortFunc(l.Query.Filters, func(a, b faas.Filter) int { return strings.Compare(a.Field, b.Field) })
	return l, l.sort(values["sort_keys"], values["sort_dirs"])
}

func (l *Listing) take(name, text string, maxLimit int) (err error) {
	switch name {
	case "sort_keys", "sort_dirs":
	case "limit":
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return faas.Errorf(faas.Invalid, "limit must be a whole number of at least 1; it is %q.", request.Short(text))
		}
		l.Query.Limit = min(n, maxLimit)
	case "marker":
		if !faas.IsID(text) {
			return faas.Errorf(
				faas.Invalid, "marker must be the UUID of the last item of the page before; it is %q.",
				request.Short(text),
			)
		}
		l.Query.Marker = strings.ToLower(text)
	case "all_projects":
		if l.AllProjects, err = strconv.ParseBool(text); err != nil {
			return faas.Errorf(faas.Invalid, "all_projects must be true or false; it is %q.", request.Short(text))
		}
	default:
		return l.filter(name, text)
	}
	return nil
}

// maxValues bounds the values of a filter with in or nin.
const maxValues = 1000

func (l *Listing) filter(name, text string) error {
	f := faas.Filter{Field: name, Op: "eq", Values: []string{text}}
	if op, rest, found := strings.Cut(text, ":"); found && slices.Contains(filterOps, op) {
		f.Op, f.Values = op, []string{rest}
	}
	if f.Op == "in" || f.Op == "nin" {
		f.Values = strings.Split(f.Values[0], ",")
		if len(f.Values) > maxValues {
			return faas.Errorf(
				faas.Invalid, "The filter on %s has %d values; at most %d are allowed.", request.Short(name),
				len(f.Values), maxValues,
			)
		}
	}
	if name == "project_id" && f.Op == "eq" {
		if l.ProjectID != "" && l.ProjectID != f.Values[0] {
			return faas.Errorf(faas.Invalid, "project_id must be given once; it is given as %q and %q.",
				request.Short(l.ProjectID), request.Short(f.Values[0]))
		}
		l.ProjectID = f.Values[0]
		return nil
	}
	l.Query.Filters = append(l.Query.Filters, f)
	return nil
}

// sort takes the keys and, for each, its direction; directions that are left out are ascending.
func (l *Listing) sort(keys, dirs []string) error {
	keys, dirs = commas(keys), commas(dirs)
	if len(dirs) > len(keys) {
		return faas.Errorf(
			faas.Invalid, "sort_dirs must not have more entries than sort_keys; it has %d, and sort_keys has %d.",
			len(dirs), len(keys),
		)
	}
	for i, key := range keys {
		k := faas.SortKey{Field: key}
		if i < len(dirs) {
			if dirs[i] != "asc" && dirs[i] != "desc" {
				return faas.Errorf(faas.Invalid, "Each entry of sort_dirs must be asc or desc; one is %q.", request.Short(dirs[i]))
			}
			k.Desc = dirs[i] == "desc"
		}
		l.Query.Sort = append(l.Query.Sort, k)
	}
	return nil
}

// commas splits values that may be repeated, separated by commas, or both.
func commas(texts []string) []string {
	var all []string
	for _, text := range texts {
		all = append(all, strings.Split(text, ",")...)
	}
	return all
}

// Reader reads the requests for lists.
type Reader struct {
	Policy   *policy.Enforcer
	MaxLimit int             // items in an answer
	Endpoint answer.Endpoint // of the link to the rest
}

// Read parses the request's query string and settles whose objects it may see: other
// projects' only by the rule.
func (ls Reader) Read(r *http.Request, id faas.Identity, allProjectsRule string) (Listing, faas.Scope, error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return Listing{}, faas.Scope{}, faas.Errorf(faas.Invalid, "The query string is malformed.").WithCause(err)
	}
	l, err := parseListing(values, ls.MaxLimit)
	if err != nil {
		return Listing{}, faas.Scope{}, err
	}
	if l.ProjectID != "" {
		if err := request.CheckProject(l.ProjectID); err != nil {
			return Listing{}, faas.Scope{}, err
		}
	}
	switch {
	case l.AllProjects:
		err = ls.Policy.Allow(r.Context(), id, allProjectsRule, policy.Target{})
		if l.ProjectID != "" {
			return l, faas.OneProject(l.ProjectID), err
		}
		return l, faas.AnyProject(), err
	case l.ProjectID != "" && l.ProjectID != id.ProjectID:
		err = ls.Policy.Allow(r.Context(), id, allProjectsRule, policy.Target{ProjectID: l.ProjectID})
		return l, faas.OneProject(l.ProjectID), err
	}
	return l, faas.ProjectScope(id), nil
}
