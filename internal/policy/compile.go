package policy

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage/inmem"

	defaults "github.com/openstack-faas/faas/etc/policy"
)

// overridePackage is where an operator's Rego has its rules.
const overridePackage = "data.faas.override"

// compile makes the rule set of the defaults and the files in the folders.
func compile(ctx context.Context, dirs []string) (*ruleSet, error) {
	modules, names, err := defaultModules()
	if err != nil {
		return nil, err
	}
	over := overrides{known: names, replaced: map[string]any{}, listed: map[string]any{}, modules: modules}
	for _, dir := range dirs {
		if err := over.readDir(dir); err != nil {
			return nil, err
		}
	}
	compiler := ast.NewCompiler().WithCapabilities(capabilities())
	if compiler.Compile(modules); compiler.Failed() {
		return nil, withLines(compiler.Errors)
	}
	data := map[string]any{"faas": map[string]any{"replaced": over.replaced, "listed": over.listed}}
	query, err := rego.New(
		rego.Query("data.faas.decision.allow"), rego.Compiler(compiler), rego.Store(inmem.NewFromObject(data)),
		rego.StrictBuiltinErrors(true),
	).PrepareForEval(ctx)
	if err != nil {
		return nil, fmt.Errorf("prepare the decision: %w", err)
	}
	return &ruleSet{query: query, names: names, replaced: slices.Sorted(maps.Keys(over.replaced))}, nil
}

// defaultModules parses the rules that are compiled in and collects the names of those that exist.
func defaultModules() (modules map[string]*ast.Module, names map[string]bool, err error) {
	files, err := fs.Glob(defaults.Files, "*.rego")
	if err != nil {
		return nil, nil, err
	}
	modules, names = map[string]*ast.Module{}, map[string]bool{}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.rego") {
			continue
		}
		text, err := fs.ReadFile(defaults.Files, file)
		if err != nil {
			return nil, nil, err
		}
		module, err := parse(file, text)
		if err != nil {
			return nil, nil, err
		}
		modules[file] = module
		if module.Package.Path.String() != "data.faas.rules" {
			continue
		}
		for _, rule := range module.Rules {
			name, err := ruleName(rule)
			if err != nil {
				return nil, nil, err
			}
			names[name] = true
		}
	}
	return modules, names, nil
}

func parse(file string, text []byte) (*ast.Module, error) {
	module, err := ast.ParseModuleWithOpts(
		file, string(text), ast.ParserOptions{RegoVersion: ast.RegoV1, Capabilities: capabilities()},
	)
	if err != nil {
		var several ast.Errors
		if errors.As(err, &several) {
			return nil, withLines(several)
		}
		return nil, err
	}
	if module == nil {
		return nil, fmt.Errorf("%s: the file has no rules", file)
	}
	return module, nil
}

// ruleName returns the name that `allow contains "name" if …` is about.
func ruleName(rule *ast.Rule) (string, error) {
	where := rule.Loc().File
	if rule.Head.Name != "allow" || rule.Head.Key == nil {
		return "", fmt.Errorf(`%s:%d: a rule is written: allow contains "function:create" if …`, where, rule.Loc().Row)
	}
	name, ok := rule.Head.Key.Value.(ast.String)
	if !ok {
		return "", fmt.Errorf("%s:%d: the name of a rule must be written out as a string", where, rule.Loc().Row)
	}
	return string(name), nil
}

// withLines puts each complaint on a line that begins with file and line number.
func withLines(several ast.Errors) error {
	lines := make([]string, len(several))
	for i, e := range several {
		lines[i] = e.Message
		if e.Location != nil {
			lines[i] = fmt.Sprintf("%s:%d: %s", e.Location.File, e.Location.Row, e.Message)
		}
	}
	return errors.New(strings.Join(lines, "\n"))
}
