// Command lines fails when a line of the files named to it is too long: more than 120 characters of
// code, or more than 100 of a comment that stands alone. A tab counts as one.
//
// A folder that is listed in todo.txt is passed over.
package main

import (
	_ "embed"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"unicode/utf8"
)

const (
	codeWidth    = 120
	commentWidth = 100
)

//go:embed todo.txt
var todo string

// comment is a line that holds a comment and nothing else, in the languages of this repository.
// Directives are for programs and stay in one line.
var (
	comment   = regexp.MustCompile(`^\s*(//|#|\*)`)
	directive = regexp.MustCompile(`^\s*(//(go:|nolint)|#!|# shellcheck)`)
)

func main() {
	in := flag.String("in", ".", "the folder that the files' names are relative to")
	flag.Parse()
	bad := 0
	for _, name := range flag.Args() {
		if listed(name) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(*in, name))
		if err != nil {
			fmt.Fprintln(os.Stderr, "lines:", err)
			os.Exit(1)
		}
		for i, line := range strings.Split(string(text), "\n") {
			if width, most := utf8.RuneCountInString(line), widthOf(name, line); width > most {
				fmt.Printf("%s:%d: %d characters; at most %d\n", name, i+1, width, most)
				bad++
			}
		}
	}
	if bad > 0 {
		os.Exit(1)
	}
}

// listed reports whether the file is in a folder of todo.txt itself, not in one beneath it.
func listed(name string) bool {
	for line := range strings.Lines(todo) {
		if strings.TrimSpace(line) == filepath.Dir(name) {
			return true
		}
	}
	return false
}

func widthOf(name, line string) int {
	if !comment.MatchString(line) || directive.MatchString(line) || strings.HasSuffix(name, ".md") {
		return codeWidth
	}
	if strings.Contains(line, "://") && len(strings.Fields(line)) <= 2 { // an address cannot be broken
		return len(line)
	}
	return commentWidth
}
