package api

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/policy"
)

// listing is what a request for a list asks for.
type listing struct {
	query       faas.Query
	allProjects bool
	projectID   string // "" for the caller's own
}

// filterOps are the comparisons that a filter's value may begin with, as in ?name=neq:x.
var filterOps = []string{"eq", "neq", "in", "nin", "gt", "gte", "lt", "lte", "has"}

// parseListing takes the query string of a list. What is no word of paging is a filter on a field
// of that name; the store knows which there are.
func parseListing(values url.Values, maxLimit int) (listing, error) {
	l := listing{query: faas.Query{Limit: maxLimit}}
	for name, texts := range values {
		for _, text := range texts {
			if err := l.take(name, text, maxLimit); err != nil {
				return listing{}, err
			}
		}
	}
	slices.SortFunc(l.query.Filters, func(a, b faas.Filter) int { return strings.Compare(a.Field, b.Field) })
	return l, l.sort(values["sort_keys"], values["sort_dirs"])
}

func (l *listing) take(name, text string, maxLimit int) (err error) {
	switch name {
	case "sort_keys", "sort_dirs":
	case "limit":
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return faas.Errorf(faas.Invalid, "limit must be a whole number of at least 1; it is %q.", short(text))
		}
		l.query.Limit = min(n, maxLimit)
	case "marker":
		if !faas.IsID(text) {
			return faas.Errorf(
				faas.Invalid, "marker must be the UUID of the last item of the page before; it is %q.",
				short(text),
			)
		}
		l.query.Marker = strings.ToLower(text)
	case "all_projects":
		if l.allProjects, err = strconv.ParseBool(text); err != nil {
			return faas.Errorf(faas.Invalid, "all_projects must be true or false; it is %q.", short(text))
		}
	default:
		return l.filter(name, text)
	}
	return nil
}

// maxValues bounds the values of a filter with in or nin.
const maxValues = 1000

func (l *listing) filter(name, text string) error {
	f := faas.Filter{Field: name, Op: "eq", Values: []string{text}}
	if op, rest, found := strings.Cut(text, ":"); found && slices.Contains(filterOps, op) {
		f.Op, f.Values = op, []string{rest}
	}
	if f.Op == "in" || f.Op == "nin" {
		f.Values = strings.Split(f.Values[0], ",")
		if len(f.Values) > maxValues {
			return faas.Errorf(
				faas.Invalid, "The filter on %s has %d values; at most %d are allowed.", short(name),
				len(f.Values), maxValues,
			)
		}
	}
	if name == "project_id" && f.Op == "eq" {
		if l.projectID != "" && l.projectID != f.Values[0] {
			return faas.Errorf(faas.Invalid, "project_id must be given once; it is given as %q and %q.",
				short(l.projectID), short(f.Values[0]))
		}
		l.projectID = f.Values[0]
		return nil
	}
	l.query.Filters = append(l.query.Filters, f)
	return nil
}

// sort takes the keys and, for each, its direction; directions that are left out are ascending.
func (l *listing) sort(keys, dirs []string) error {
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
				return faas.Errorf(faas.Invalid, "Each entry of sort_dirs must be asc or desc; one is %q.", short(dirs[i]))
			}
			k.Desc = dirs[i] == "desc"
		}
		l.query.Sort = append(l.query.Sort, k)
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

// lists reads the requests for lists.
type lists struct {
	policy   *policy.Enforcer
	maxLimit int      // items in an answer
	endpoint endpoint // of the link to the rest
}

// read parses the request's query string and settles whose objects it may see: other
// projects' only by the rule.
func (ls lists) read(r *http.Request, id faas.Identity, allProjectsRule string) (listing, faas.Scope, error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return listing{}, faas.Scope{}, faas.Errorf(faas.Invalid, "The query string is malformed.").WithCause(err)
	}
	l, err := parseListing(values, ls.maxLimit)
	if err != nil {
		return listing{}, faas.Scope{}, err
	}
	if l.projectID != "" {
		if err := checkProject(l.projectID); err != nil {
			return listing{}, faas.Scope{}, err
		}
	}
	switch {
	case l.allProjects:
		err = ls.policy.Allow(r.Context(), id, allProjectsRule, policy.Target{})
		if l.projectID != "" {
			return l, faas.OneProject(l.projectID), err
		}
		return l, faas.AnyProject(), err
	case l.projectID != "" && l.projectID != id.ProjectID:
		err = ls.policy.Allow(r.Context(), id, allProjectsRule, policy.Target{ProjectID: l.projectID})
		return l, faas.OneProject(l.projectID), err
	}
	return l, faas.ProjectScope(id), nil
}
