package config

import (
	"errors"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// knownSection refuses a section that no binary has.
func knownSection(name string) error {
	var known []string
	for _, o := range schema() {
		known = append(known, o.section)
	}
	if slices.Contains(known, name) || clusterOf(name) != "" {
		return nil
	}
	return &Error{Section: shownName(name), Reason: "there is no such section" + nearest(name, known)}
}

// checkNames refuses options that no binary has, by their "section.option".
func checkNames(values map[string]string) error {
	known := map[string][]string{}
	for _, o := range schema() {
		known[o.section] = append(known[o.section], o.name)
	}
	var wrong []error
	for _, path := range slices.Sorted(maps.Keys(values)) {
		section, name, _ := strings.Cut(path, ".")
		if clusterOf(section) != "" {
			known[section] = optionsOfCluster()
		}
		if !slices.Contains(known[section], name) {
			wrong = append(
				wrong,
				&Error{
					Section: shownName(section),
					Option:  shownName(name),
					Reason:  "there is no such option" + nearest(name, known[section]),
				},
			)
		}
	}
	return errors.Join(wrong...)
}

var nameForm = regexp.MustCompile(`^[A-Za-z0-9_]{1,64}$`)

// shownName returns a name as it may be repeated in an error. What looks like none may be a value,
// and that a secret.
func shownName(name string) string {
	if nameForm.MatchString(name) {
		return name
	}
	return "(not shown)"
}

// nearest proposes the known name that name was probably meant to be.
func nearest(name string, known []string) string {
	best, least := "", 1+len(name)/3 // more edits than that are another word, not a slip
	for _, k := range known {
		if d := distance(strings.ToLower(name), strings.ToLower(k)); d <= least && (best == "" || d < least) {
			best, least = k, d
		}
	}
	if best == "" {
		return ""
	}
	return "; did you mean " + best + "?"
}

// distance counts the single-letter edits that make a into b (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		corner := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := corner
			if a[i-1] != b[j-1] {
				cost++
			}
			corner = row[j]
			row[j] = min(cost, row[j]+1, row[j-1]+1)
		}
	}
	return row[len(b)]
}
