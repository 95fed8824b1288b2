package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// The form of what is printed is that of oslo.upgradecheck, which operators' tools read.
const (
	title   = "Upgrade Check Results"
	wrapAt  = 60 // letters of a line of details
	noWords = "None"
)

// writeTable prints a box with a compartment for each check.
func writeTable(out io.Writer, results []result) error {
	boxes := [][]string{{title}}
	for _, r := range results {
		lines := wrap(r.details)
		lines[0] = "Details: " + lines[0]
		boxes = append(boxes, append([]string{"Check: " + r.name, "Result: " + r.outcome.String()}, lines...))
	}
	width := 0
	for _, box := range boxes {
		for _, line := range box {
			width = max(width, len([]rune(line)))
		}
	}
	rule := "+" + strings.Repeat("-", width+2) + "+\n"
	var text strings.Builder
	for _, box := range boxes {
		text.WriteString(rule)
		for _, line := range box {
			text.WriteString("| " + line + strings.Repeat(" ", width-len([]rune(line))) + " |\n")
		}
	}
	text.WriteString(rule)
	_, err := io.WriteString(out, text.String())
	return err
}

// wrap breaks details into lines between their words; those after the first are set in by two.
func wrap(details string) []string {
	if details == "" {
		return []string{noWords}
	}
	var lines []string
	line := ""
	for _, word := range strings.Fields(details) {
		switch {
		case line == "":
			line = word
		case len([]rune(line))+1+len([]rune(word)) > wrapAt:
			lines = append(lines, line)
			line = "  " + word
		default:
			line += " " + word
		}
	}
	return append(lines, line)
}

// writeJSON prints what oslo.upgradecheck does for --json.
func writeJSON(out io.Writer, results []result) error {
	type checked struct {
		Check   string  `json:"check"`
		Result  outcome `json:"result"`
		Details *string `json:"details"`
	}
	all := struct {
		Name   string    `json:"name"`
		Checks []checked `json:"checks"`
	}{Name: title}
	for _, r := range results {
		c := checked{Check: r.name, Result: r.outcome}
		if r.details != "" {
			c.Details = &r.details
		}
		all.Checks = append(all.Checks, c)
	}
	text, err := json.Marshal(all)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s\n", text)
	return err
}
