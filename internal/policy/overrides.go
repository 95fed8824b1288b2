package policy

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"go.yaml.in/yaml/v3"
)

// overrides gathers an operator's rules. Helper rules of any name may stand in other packages of
// Rego; in the package faas.override each rule names what it replaces.
type overrides struct {
	known    map[string]bool // the rules that exist
	replaced map[string]any  // the rules that the defaults do not decide any more, and whether "rego" or a "list" does
	listed   map[string]any  // from YAML and JSON: the personas and roles of a replaced rule
	modules  map[string]*ast.Module
}

// readDir takes in every .rego, .yaml, .yml and .json of the folder, in the order of their names.
func (o *overrides) readDir(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, entry := range entries {
		file := filepath.Join(dir, entry.Name())
		switch filepath.Ext(file) {
		case ".rego":
			err = o.readRego(file)
		case ".yaml", ".yml", ".json": // JSON is YAML
			err = o.readLists(file)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (o *overrides) readRego(file string) error {
	if strings.HasSuffix(file, "_test.rego") {
		return nil // an operator's own tests of the rules
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	module, err := parse(file, text)
	if err != nil {
		return err
	}
	path := module.Package.Path.String()
	if path != overridePackage && o.taken(path) {
		return fmt.Errorf("%s:%d: package %s is the service's own: put rules that replace others into package faas.override",
			file, module.Package.Loc().Row, strings.TrimPrefix(path, "data."))
	}
	o.modules[file] = module
	if path != overridePackage {
		return nil
	}
	for _, rule := range module.Rules {
		name, err := ruleName(rule)
		if err != nil {
			return err
		}
		if err := o.replace(name, "rego", fmt.Sprintf("%s:%d", file, rule.Loc().Row)); err != nil {
			return err
		}
	}
	return nil
}

// taken reports whether a package is one of the defaults or of the data that decisions rest on.
func (o *overrides) taken(path string) bool {
	own := []string{
		"data.faas.rules",
		"data.faas.personas",
		"data.faas.decision",
		"data.faas.replaced",
		"data.faas.listed",
		"data.faas",
	}
	return slices.ContainsFunc(
		own,
		func(p string) bool { return path == p || strings.HasPrefix(path, p+".") && p != "data.faas" },
	)
}

// replace notes that a rule is decided anew, by "rego" or by a "list"; the last file to do so wins.
func (o *overrides) replace(name, by, where string) error {
	if !o.known[name] {
		return fmt.Errorf(
			"%s: there is no rule %q; the rules are %s", where, name,
			strings.Join(slices.Sorted(maps.Keys(o.known)), ", "),
		)
	}
	o.replaced[name] = by
	return nil
}

// readLists takes a file that maps rules to lists of personas and roles.
func (o *overrides) readLists(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		return fmt.Errorf("%s: %w", file, err) // names the line
	}
	if len(document.Content) == 0 {
		return nil // empty, or comments only
	}
	rules := document.Content[0]
	if rules.Kind != yaml.MappingNode {
		return fmt.Errorf("%s:%d: must map rules to lists, as in function:create: [manager]", file, rules.Line)
	}
	for i := 0; i < len(rules.Content); i += 2 {
		if err := o.readList(file, rules.Content[i], rules.Content[i+1]); err != nil {
			return err
		}
	}
	return nil
}

func (o *overrides) readList(file string, name, value *yaml.Node) error {
	where := fmt.Sprintf("%s:%d", file, name.Line)
	if err := o.replace(name.Value, "list", where); err != nil {
		return err
	}
	var who []string
	if err := value.Decode(&who); err != nil {
		return fmt.Errorf("%s: %s must be a list of personas and roles, as in [manager, role:auditor]", where, name.Value)
	}
	list := make([]any, len(who))
	for i, persona := range who {
		if !slices.Contains([]string{"admin", "manager", "member", "reader", "service"}, persona) &&
			!strings.HasPrefix(persona, "role:") {
			return fmt.Errorf(
				"%s: there is no persona %q: take admin, manager, member, reader, service or role:NAME", where,
				persona,
			)
		}
		list[i] = persona
	}
	o.listed[name.Value] = list
	return nil
}
