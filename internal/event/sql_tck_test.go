package event

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	cesql "github.com/cloudevents/sdk-go/sql/v2"
	sqlerrors "github.com/cloudevents/sdk-go/sql/v2/errors"
	"github.com/cloudevents/sdk-go/v2/binding/spec"
	"go.yaml.in/yaml/v3"
)

// conformance are CloudEvents' own files of what SQL has to mean, as the library's module has them.
const conformance = 18

type conformanceFile struct {
	Name  string
	Tests []conformanceTest
}

type conformanceTest struct {
	Name, Expression, Error string
	Result                  yaml.Node
	Event                   map[string]yaml.Node
	Overrides               map[string]yaml.Node `yaml:"eventOverrides"`
}

// scalar returns a value as the library has it. Times stay texts.
func scalar(t *testing.T, n yaml.Node) any {
	t.Helper()
	var value any
	switch n.Tag {
	case "!!int":
		var i int32
		if err := n.Decode(&i); err != nil {
			t.Fatal(err)
		}
		value = i
	case "!!bool":
		var b bool
		if err := n.Decode(&b); err != nil {
			t.Fatal(err)
		}
		value = b
	case "!!str", "!!timestamp":
		value = n.Value
	}
	return value
}

func (c conformanceTest) event(t *testing.T) Event {
	e := sample()
	if c.Event != nil {
		e = New()
	}
	for _, from := range []map[string]yaml.Node{c.Event, c.Overrides} {
		for name, value := range from {
			if err := spec.V1.SetAttribute(e.Context, name, scalar(t, value)); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
	}
	return e
}

func TestConformanceOfSQL(t *testing.T) {
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/cloudevents/sdk-go/sql/v2").Output()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(dir)), "test", "tck", "*.yaml"))
	if err != nil || len(files) != conformance {
		t.Fatalf("%d files of conformance tests, %v; there should be %d", len(files), err, conformance)
	}
	count := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var suite conformanceFile
		if err := yaml.Unmarshal(text, &suite); err != nil || len(suite.Tests) == 0 {
			t.Fatalf("%s has %d tests, %v", file, len(suite.Tests), err)
		}
		for _, c := range suite.Tests {
			count++
			t.Run(suite.Name+"/"+c.Name, func(t *testing.T) { c.run(t) })
		}
	}
	t.Logf("%d tests of %d files", count, len(files))
}

func (c conformanceTest) run(t *testing.T) {
	expression, _, err := compile(c.Expression)
	// A function that is not there is known when the filter is made, not only at the first event.
	if c.Error == "parse" || c.Error == "missingFunction" {
		if err == nil {
			t.Errorf("%s is taken", c.Expression)
		}
		return
	}
	if err != nil {
		t.Fatalf("%s: %v", c.Expression, err)
	}
	got, err := expression.Evaluate(c.event(t))
	is := map[string]func(error) bool{
		"math": sqlerrors.IsMathError, "cast": sqlerrors.IsCastError,
		"missingAttribute": sqlerrors.IsMissingAttributeError, "functionEvaluation": sqlerrors.IsFunctionEvaluationError,
		"": func(err error) bool { return err == nil },
	}[c.Error]
	if is == nil {
		t.Fatalf("unknown kind of error %q", c.Error)
	}
	if !is(err) {
		t.Errorf("%s: error %v, want %q", c.Expression, err, c.Error)
	}
	if want := scalar(t, c.Result); got != want && (err == nil || cesql.TypeFromVal(got) != cesql.AnyType) {
		t.Errorf("%s is %#v, want %#v", c.Expression, got, want)
	}
}
