package main

import (
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode/utf8"
)

// subjectWidth is how long the subject of a commit is at most.
const subjectWidth = 72

// shaped is "area: subject", of one or more areas.
var shaped = regexp.MustCompile(`^[a-z][a-z0-9 ,/._-]*: `)

// printCommits prints how the subjects of commits measure.
func printCommits(out io.Writer, subjects []string) {
	var lengths []int
	short, areas, imperative := 0, 0, 0
	for _, subject := range subjects {
		n := utf8.RuneCountInString(subject)
		lengths = append(lengths, n)
		if n <= subjectWidth {
			short++
		}
		rest := shaped.ReplaceAllString(subject, "")
		if rest != subject {
			areas++
		}
		first, _, _ := strings.Cut(rest, " ")
		if commands(first) {
			imperative++
		}
	}
	all := len(subjects)
	fmt.Fprintf(out, "Commits: %d; subject %s characters, up to %d %s; \"area: …\" %s, imperative %s\n",
		all, spread(lengths), subjectWidth, percent(short, all), percent(areas, all), percent(imperative, all))
}

// commands reports whether the first word of a subject may be a verb in the imperative. It is a
// guess, and a kind one: nouns in the singular pass.
func commands(first string) bool {
	first = strings.ToLower(first)
	for _, article := range []string{
		"a", "an", "the", "what", "how", "who", "when", "where", "each", "all", "no", "more",
	} {
		if first == article {
			return false
		}
	}
	for _, ending := range []string{"s", "ed", "ing"} {
		if strings.HasSuffix(first, ending) && first != "pass" && first != "bring" && first != "need" && first != "embed" {
			return false
		}
	}
	return true
}
