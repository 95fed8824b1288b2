package config

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"gopkg.in/ini.v1"
)

// Sources is where the values of options come from, each over the one before.
type Sources struct {
	File      string            // path of an ini file; "" for none
	Environ   []string          // as os.Environ returns it
	Overrides map[string]string // by "section.option": what the command line says
}

// Load fills c, a pointer to one of this package's structs, and checks it. Errors about values are
// *Error; several are joined, so that an operator sees all of them at once.
func Load(c any, from Sources) error {
	values := map[string]string{}
	if err := readFile(from.File, values); err != nil {
		return err
	}
	readEnviron(from.Environ, values)
	if err := checkNames(from.Overrides); err != nil {
		return err
	}
	for path, value := range from.Overrides {
		values[path] = value
	}
	if err := fill(c, values); err != nil {
		return err
	}
	if err := fillClusters(c, values); err != nil {
		return err
	}
	if whole, ok := c.(interface{ check() error }); ok {
		return whole.check()
	}
	return nil
}

// delimiters end an option's name, whichever comes first, as in oslo.config.
const delimiters = "=:"

// badLine returns which line is to blame for a file that cannot be parsed, and never what it says:
// it may be a secret.
func badLine(text []byte) error {
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		line = strings.TrimSpace(line)
		switch {
		case line == "", line[0] == '#', line[0] == ';', line[0] == '[' && strings.HasSuffix(line, "]") && len(line) > 2:
		case line[0] == '[', strings.IndexAny(line, delimiters) <= 0:
			return fmt.Errorf("line %d is neither [section], option = value nor a comment", number)
		}
	}
	return errors.New("not an INI file")
}

// readFile takes the options of an ini file as oslo.config writes them: comments are lines of their
// own.
func readFile(file string, values map[string]string) error {
	if file == "" {
		return nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("read configuration: %w", err)
	}
	f, err := ini.LoadSources(
		ini.LoadOptions{IgnoreInlineComment: true, IgnoreContinuation: true, KeyValueDelimiters: delimiters},
		text,
	)
	if err != nil {
		return fmt.Errorf("read configuration %s: %w", file, badLine(text))
	}
	found := map[string]string{}
	for _, section := range f.Sections() {
		if err := knownSection(section.Name()); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		for _, key := range section.Keys() {
			found[section.Name()+"."+key.Name()] = key.Value()
		}
	}
	if err := checkNames(found); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	for path, value := range found {
		values[path] = value
	}
	return nil
}

func readEnviron(environ []string, values map[string]string) {
	byName := map[string]option{}
	for _, o := range schema() {
		byName[o.env()] = o
	}
	for _, pair := range environ {
		name, value, _ := strings.Cut(pair, "=")
		if o, ok := byName[name]; ok {
			values[o.path()] = value
		}
	}
}

// fill sets every option of c to its value or default.
func fill(c any, values map[string]string) error {
	all := options(c)
	state := values["DEFAULT.state_path"]
	if state == "" {
		state = all[slices.IndexFunc(all, func(o option) bool { return o.path() == "DEFAULT.state_path" })].initial
	}
	var wrong []error
	for _, o := range all {
		text, given := values[o.path()]
		if !given {
			text = o.initial
		}
		if err := o.set(strings.ReplaceAll(text, "$state_path", state)); err != nil {
			wrong = append(wrong, err)
		}
	}
	return errors.Join(wrong...)
}
