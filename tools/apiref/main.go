// Command apiref writes the API's description as one page of Markdown, to standard output:
//
//	go run -C tools ./apiref -in ../docs/api-ref/openapi.yaml > docs/api-ref/README.md
//
// It knows as much of OpenAPI as our description uses. make reference writes the page, and make
// lint fails when the page is not that of the description.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

var methods = []string{"get", "post", "put", "delete"}

func main() {
	in := flag.String("in", "docs/api-ref/openapi.yaml", "the description")
	flag.Parse()
	if err := run(*in); err != nil {
		fmt.Fprintln(os.Stderr, "apiref:", err)
		os.Exit(1)
	}
}

func run(in string) error {
	text, err := os.ReadFile(in)
	if err != nil {
		return err
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return err
	}
	out := bufio.NewWriter(os.Stdout)
	p := &page{Writer: out, root: doc.Content[0], faults: map[string]*yaml.Node{}}
	p.write()
	return out.Flush()
}

// operation is one call of the API.
type operation struct {
	path, method string
	item, node   *yaml.Node
}

// page is the page as it is written.
type page struct {
	*bufio.Writer
	root   *yaml.Node
	faults map[string]*yaml.Node // the errors that many operations have, by their status
}

func (p *page) printf(format string, args ...any) { fmt.Fprintf(p, format, args...) }

func (p *page) write() {
	info := get(p.root, "info")
	p.printf("# %s: the API\n\n", value(info, "title"))
	p.printf("<!-- make reference writes this page from openapi.yaml; change that. -->\n\n%s\n",
		value(info, "description"))
	p.printf("| | |\n|---|---|\n")
	for _, op := range p.operations() {
		summary := value(op.node, "summary")
		p.printf("| [`%s %s`](#%s) | %s |\n", strings.ToUpper(op.method), op.path, anchor(summary), summary)
	}
	for _, tag := range get(p.root, "tags").Content {
		p.printf("\n## %s\n\n%s.\n", title(value(tag, "name")), value(tag, "description"))
		for _, op := range p.operations() {
			if get(op.node, "tags").Content[0].Value == value(tag, "name") {
				p.operation(op)
			}
		}
	}
	p.errors()
	p.lists()
	p.printf("\n## Objects\n")
	for name, schema := range pairs(get(get(p.root, "components"), "schemas")) {
		p.printf("\n### %s\n\n", name)
		p.schema(schema)
	}
}

// operations returns all operations, in the order of the description.
func (p *page) operations() (all []operation) {
	for path, item := range pairs(get(p.root, "paths")) {
		for _, method := range methods {
			if node := get(item, method); node != nil {
				all = append(all, operation{path, method, item, node})
			}
		}
	}
	return all
}

func (p *page) operation(op operation) {
	p.printf("\n### %s\n\n`%s %s`\n\n", value(op.node, "summary"), strings.ToUpper(op.method), op.path)
	if text := value(op.node, "description"); text != "" {
		p.printf("%s\n\n", strings.TrimSpace(text))
	}
	if secured := get(op.node, "security"); secured != nil && len(secured.Content) == 0 {
		p.printf("Asks for no token.\n\n")
	}
	p.parameters(slices.Concat(items(get(op.item, "parameters")), items(get(op.node, "parameters"))))
	p.body(p.resolve(get(op.node, "requestBody")))
	p.answers(get(op.node, "responses"))
}

// answers writes what is answered. The errors that many operations have are numbers here, and have
// a section of their own.
func (p *page) answers(all *yaml.Node) {
	var errors []string
	p.printf("| answer | what it says | body |\n|---|---|---|\n")
	for status, answer := range pairs(all) {
		if status >= "400" && value(answer, "$ref") != "" && p.isFault(answer) {
			errors = append(errors, status)
			p.faults[status] = p.resolve(answer)
			continue
		}
		answer = p.resolve(answer)
		p.printf("| %s | %s | %s |\n", status, cell(value(answer, "description")), cell(p.media(get(answer, "content"))))
	}
	if len(errors) > 0 {
		slices.Sort(errors)
		p.printf("\n[Errors](#errors): %s.\n", strings.Join(errors, ", "))
	}
}

// isFault reports whether an answer has the body of every error.
func (p *page) isFault(answer *yaml.Node) bool {
	schema := get(get(get(p.resolve(answer), "content"), "application/json"), "schema")
	return strings.HasSuffix(value(schema, "$ref"), "/Fault")
}

// errors writes what the errors say that many operations have.
func (p *page) errors() {
	p.printf("\n## Errors\n\nThe body of each is a [Fault](#fault).\n\n| answer | what it says |\n|---|---|\n")
	for _, status := range slices.Sorted(maps.Keys(p.faults)) {
		p.printf("| %s | %s |\n", status, cell(value(p.faults[status], "description")))
	}
}

func (p *page) parameters(all []*yaml.Node) {
	count := len(all)
	all = slices.DeleteFunc(all, ofLists)
	if len(all) < count {
		p.printf("It has the [parameters of lists](#parameters-of-lists).\n\n")
	}
	p.table(all)
}

// listParameters are the components that every list has among its parameters.
var listParameters = []string{"Limit", "Marker", "SortKeys", "SortDirs", "AllProjects", "ProjectID", "Filters"}

// ofLists reports whether a parameter is one that every list has.
func ofLists(parameter *yaml.Node) bool {
	return slices.Contains(listParameters, strings.TrimPrefix(value(parameter, "$ref"), "#/components/parameters/"))
}

// lists writes the parameters that every list has.
func (p *page) lists() {
	p.printf("\n## Parameters of lists\n\n")
	var all []*yaml.Node
	for name, one := range pairs(get(get(p.root, "components"), "parameters")) {
		if slices.Contains(listParameters, name) {
			all = append(all, one)
		}
	}
	p.table(all)
}

func (p *page) table(all []*yaml.Node) {
	if len(all) == 0 {
		return
	}
	p.printf("| parameter | in | type | |\n|---|---|---|---|\n")
	for _, one := range all {
		one = p.resolve(one)
		p.printf("| `%s`%s | %s | %s | %s |\n", value(one, "name"), mark(value(one, "required") == "true"), value(one, "in"),
			cell(p.typeOf(get(one, "schema"))), cell(value(one, "description")))
	}
	p.printf("\n")
}

// body writes what a request brings, and an example of it.
func (p *page) body(body *yaml.Node) {
	if body == nil {
		return
	}
	content := get(body, "content")
	p.printf("The body is %s.\n\n", p.media(content))
	for _, media := range pairs(content) {
		if schema := get(media, "schema"); get(schema, "$ref") == nil && get(schema, "properties") != nil {
			p.schema(schema)
			p.printf("\n")
		}
		if example := get(media, "example"); example != nil {
			p.printf("```json\n%s\n```\n\n", jsonOf(example))
		}
		break // the other types have the same fields
	}
}

// media says what types of content there are, and what is in each.
func (p *page) media(content *yaml.Node) string {
	var types, kinds []string
	for name, media := range pairs(content) {
		types = append(types, "`"+name+"`")
		if kind := p.typeOf(get(media, "schema")); !slices.Contains(kinds, kind) {
			kinds = append(kinds, kind)
		}
	}
	if len(types) == 0 {
		return ""
	}
	return strings.Join(types, ", ") + ": " + strings.Join(kinds, " or ")
}

// schema writes the fields of an object, or what else the schema is.
func (p *page) schema(schema *yaml.Node) {
	if text := value(schema, "description"); text != "" {
		p.printf("%s.\n\n", strings.TrimSuffix(strings.TrimSpace(text), "."))
	}
	properties := get(schema, "properties")
	if properties == nil {
		p.printf("%s\n", title(p.typeOf(schema)))
		return
	}
	var required []string
	for _, name := range items(get(schema, "required")) {
		required = append(required, name.Value)
	}
	p.printf("| field | type | |\n|---|---|---|\n")
	for name, field := range pairs(properties) {
		p.printf("| `%s`%s | %s | %s |\n", name, mark(slices.Contains(required, name)), cell(p.typeOf(field)),
			cell(value(field, "description")))
	}
	if len(required) > 0 {
		p.printf("\n\\* must be there.\n")
	}
}
