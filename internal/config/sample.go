package config

import (
	"fmt"
	"io"
	"reflect"
	"strings"
)

// Sample writes a configuration file that explains every option of every binary and sets none.
func Sample(w io.Writer) error {
	var b strings.Builder
	section := ""
	for _, o := range schema() {
		if o.section != section {
			if section != "" {
				b.WriteByte('\n')
			}
			section = o.section
			fmt.Fprintf(&b, "[%s]\n", section)
		}
		o.explain(&b)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// explain writes the option as oslo's generator does: help, kind and bounds as comments, then the
// default, commented out.
func (o option) explain(b *strings.Builder) {
	b.WriteByte('\n')
	for _, line := range wrap(o.help+" ("+o.kind()+o.renewal()+")", 100) {
		b.WriteString("# " + line + "\n")
	}
	b.WriteString(strings.TrimRight("#"+o.name+" = "+o.initial, " ") + "\n")
}

// kind describes the values that the option takes.
func (o option) kind() string {
	switch {
	case o.choices != nil:
		return "one of: " + strings.Join(o.choices, ", ")
	case o.value.Kind() == reflect.Bool:
		return "true or false"
	case o.value.Type() == durationType:
		return "seconds, " + strings.ReplaceAll(o.span, ":", " to ")
	case o.span != "":
		return "number, " + strings.ReplaceAll(o.span, ":", " to ")
	case o.value.Kind() == reflect.Slice:
		return "list"
	}
	return "text"
}

// renewal says so where the option can be changed without a restart.
func (o option) renewal() string {
	if o.live {
		return "; taken up on SIGHUP"
	}
	return ""
}

// wrap breaks the text into lines of at most width letters.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}

// render shows a filled struct without its secrets.
func render(c any) string {
	var b strings.Builder
	section := ""
	for _, o := range options(c) {
		if o.section != section {
			section = o.section
			fmt.Fprintf(&b, "[%s]\n", section)
		}
		fmt.Fprintf(&b, "%s = %s\n", o.name, o.shown())
	}
	return b.String()
}
