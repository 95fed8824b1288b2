package api

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/openstack-faas/faas/internal/api/request"
	"github.com/openstack-faas/faas/internal/faas"
)

// described is one operation of the API's description, and what there is for it to be asked of.
type described struct {
	*service
	path, method string
	*openapi3.Operation
	there map[string]string // what stands for a variable of the path, or for an id in an example
}

// odd are texts that are easily taken for something else than text.
var odd = []string{
	"o\u0308\u0301\u0327", "\u202eabc\u200f", "\U0001f600\U0001f468\u200d\U0001f469",
	"\u0000", "a\u0000b", "\ufeff", "\uffff", "'", `"`, "`", "%", "_", "\\", "$(id)",
	"'; DROP TABLE functions;--", `" OR ""="`, "<script>", "{{7*7}}", "../../etc/passwd",
	"a\r\nX-Injected: 1", "%s%n", "null", "-1", "1e400", "true",
	strings.Repeat("x", 256), strings.Repeat("\u00fc", 256),
}

// values are JSON texts of every type.
func values() []string {
	all := []string{
		"null", "true", "0", "1", "-1", "1.5", "1e400", "99999999999999999999", `""`, `" "`, `"1"`, `"-1"`, `"1.5"`, `"word"`,
		"[]", "{}", "[null]", `{"a": 1}`, `"` + unknownID + `"`, `"\ud800"`,
		strings.Repeat("[", 300) + strings.Repeat("]", 300),
		strings.Repeat(`{"a":`, 300) + "1" + strings.Repeat("}", 300),
	}
	for _, text := range odd {
		quoted, _ := json.Marshal(text) // a string: cannot fail
		all = append(all, string(quoted))
	}
	return all
}

// wrongBodies are bodies that no operation takes.
var wrongBodies = []string{
	"{", "[]", "1", `"x"`, "\x00", "\xff\xfe", `{"colour": 1}`, `{"a": 1} {"b": 2}`, strings.Repeat("[", 100_000),
	strings.Repeat(`{"a":`, 100_000), `{"name": ` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + "}",
}

// TestBadInputOfEveryOperation derives what is wrong from the description, so that an operation is
// covered as soon as it is described. Nothing is answered with a failure of the service, nothing of
// the service's insides is shown, and what the description rules out is refused by its name.
func TestBadInputOfEveryOperation(t *testing.T) {
	doc, err := description()
	if err != nil {
		t.Fatal(err)
	}
	s := newService(t, withQuotas)
	there := s.furnished()
	for _, path := range doc.Paths.InMatchingOrder() {
		item := doc.Paths.Value(path)
		for _, method := range slices.Sorted(maps.Keys(item.Operations())) {
			op := &described{s, path, method, item.GetOperation(method), there}
			t.Run(op.OperationID, func(t *testing.T) {
				op.badPaths(t, append(slices.Clone(item.Parameters), op.Parameters...))
				op.badQueries(t, append(slices.Clone(item.Parameters), op.Parameters...))
				op.badBodies(t)
			})
		}
		t.Run("methods of "+path, func(t *testing.T) { s.badMethods(t, path, item, there) })
	}
	s.do("GET", "/v1/functions/"+there["function"], "", 200) // all is as it was
}

var latestHeader = map[string]string{request.MicroversionHeader: request.ServiceType + " latest"}

// furnished makes one of everything.
func (s *service) furnished() map[string]string {
	s.t.Helper()
	for shard := range s.store.Shards() {
		_, err := s.broker.Serve(context.Background(), faas.MethodWorkersIn(int(shard)), 1,
			func(context.Context, json.RawMessage) (any, error) { return faas.WorkersAnswer{}, nil })
		s.must(err)
	}
	runtime := s.newRuntime()
	f := s.newFunction(runtime, "furnished").ID
	s.do("POST", "/v1/functions/"+f+"/versions", "", 201)
	s.do("POST", "/v1/aliases", `{"name": "furnished", "function_id": "`+f+`"}`, 201)
	var x executionView
	s.do("POST", "/v1/executions", `{"function_id": "`+f+`"}`, 201).decode(s.t, &x)
	return map[string]string{
		"runtime": runtime, "function": f, "version": "1", "name": "furnished", "execution": x.ID, "project_id": project,
		"job": s.newJob(
			f,
			`, "pattern": "0 3 * * *"`,
		).ID, "webhook": s.newWebhook(f, "").ID, "trigger": s.newTrigger(f, "webhook", "").ID,
	}
}

// at returns the path with its variables replaced by what there is, one of them by the value.
func (s *service) at(path string, there map[string]string, variable, value string) string {
	collection, _, _ := strings.Cut(strings.TrimPrefix(path, "/v1/"), "/")
	for _, name := range []string{"id", "version", "name", "project_id"} {
		text := there[name]
		if name == "id" {
			text = there[strings.TrimSuffix(collection, "s")]
		}
		if name == variable {
			text = value
		}
		path = strings.ReplaceAll(path, "{"+name+"}", text)
	}
	return path
}

// insides are parts of what only the log may tell.
var insides = []string{"sqlite", "SQL ", "SQLITE", "goroutine", "panic", ".go:", "/internal/", "runtime error"}

// refused checks an answer that may be a refusal, and must be one that names the field where there
// is one. A service of which nothing is missing answers nothing with 500 or more.
func (s *service) refused(t *testing.T, r testRequest, field string) reply {
	t.Helper()
	r.header = latestHeader
	got := s.send(r)
	what := fmt.Sprintf("%s %.200s %.200s: %d %.600s", r.method, r.path, r.body, got.status, got.body)
	if got.status >= 500 {
		t.Error(what)
	}
	if got.status >= 400 && r.method != http.MethodHead && got.fault() == "" {
		t.Errorf("no faultstring: %s", what)
	}
	if field != "" && (got.status < 400 || !strings.Contains(got.fault(), field)) {
		t.Errorf("not refused with the name of %s: %s", field, what)
	}
	if got.header.Get("X-Injected") != "" {
		t.Errorf("a header was injected: %s", what)
	}
	for _, inside := range insides {
		if strings.Contains(string(got.body), inside) {
			t.Errorf("%q is told: %s", inside, what)
		}
	}
	return got
}

func (op *described) badPaths(t *testing.T, parameters openapi3.Parameters) {
	for _, p := range parameters {
		if p.Value.In != "path" {
			continue
		}
		for _, text := range append([]string{unknownID, "0", "word", "%ff"}, odd...) {
			if text != "%ff" { // that is no UTF-8
				text = url.PathEscape(text)
			}
			if p.Value.Name == "project_id" && op.method != http.MethodGet {
				continue // every text is some project's id
			}
			op.refused(t, testRequest{method: op.method, path: op.at(op.path, op.there, p.Value.Name, text)}, "")
		}
	}
}

func (op *described) badQueries(t *testing.T, parameters openapi3.Parameters) {
	if op.method != http.MethodGet && op.method != http.MethodDelete {
		return
	}
	path := op.at(op.path, op.there, "", "")
	for _, p := range parameters {
		if p.Value.In != "query" || p.Value.Name == "filters" { // filters stands for any field
			continue
		}
		for _, text := range append([]string{"", "word", "0", "1.5", "99999999999999999999", "x:y", "in:", "has:%"}, odd...) {
			op.refused(t, testRequest{method: op.method, path: path + "?" + p.Value.Name + "=" + url.QueryEscape(text)}, "")
		}
		op.refused(t, testRequest{method: op.method, path: path + "?" + p.Value.Name + "=%ff"}, "")
	}
	filtered := slices.ContainsFunc(parameters, func(p *openapi3.ParameterRef) bool { return p.Value.Name == "filters" })
	if op.method == http.MethodGet && filtered {
		op.refused(t, testRequest{method: op.method, path: path + "?colour=red"}, "colour")
		for _, text := range odd {
			op.refused(t, testRequest{method: op.method, path: path + "?name=" + url.QueryEscape(text)}, "")
			op.refused(t, testRequest{method: op.method, path: path + "?id=" + url.QueryEscape(text)}, "")
			op.refused(t, testRequest{method: op.method, path: path + "?" + url.QueryEscape(text) + "=1"}, "")
		}
	}
}

// badBodies sends bodies that are wrong as a whole, and then each field with each value.
func (op *described) badBodies(t *testing.T) {
	if op.RequestBody == nil || op.OperationID == "invokeWebhook" || op.OperationID == "sendEvent" {
		return // its body is the function's input, and no stranger's is read
	}
	path := op.at(op.path, op.there, "", "")
	for _, body := range wrongBodies {
		op.refused(t, testRequest{method: op.method, path: path, body: body}, "")
	}
	op.refused(t, testRequest{method: op.method, path: path, body: "<a/>", contentType: "application/xml"}, "application/xml")
	op.refused(t, testRequest{method: op.method, path: path, body: "{}", contentType: "///"}, "")
	media := op.RequestBody.Value.Content.Get("application/json")
	base := map[string]json.RawMessage{}
	if media.Example != nil {
		text, err := json.Marshal(media.Example)
		if err != nil {
			t.Fatal(err)
		}
		known := strings.ReplaceAll(string(text), exampleID, op.there["function"])
		if err := json.Unmarshal([]byte(known), &base); err != nil {
			t.Fatal(err)
		}
	}
	op.refused(t, testRequest{method: op.method, path: path, body: op.body(base, "colour", "1")}, "colour")
	// where nothing else is wrong, every refusal is about the field
	right, err := json.Marshal(base)
	if err != nil {
		t.Fatal(err)
	}
	alone := op.send(testRequest{method: op.method, path: path, body: string(right), header: latestHeader}).status < 400
	if media.Example != nil && !alone {
		t.Errorf("%s %s: the example of the description is refused: %s", op.method, path, right)
	}
	properties := media.Schema.Value.Properties
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		for _, value := range values() {
			r := testRequest{method: op.method, path: path, body: op.body(base, name, value)}
			got := op.refused(t, r, op.mustName(name, value, properties[name]))
			if alone && got.status == 400 && !strings.Contains(got.fault(), name) {
				t.Errorf("%s %s %.100s: %s is not named: %s", r.method, r.path, r.body, name, got.fault())
			}
		}
	}
}

// exampleID is the function's id in the examples of the description.
const exampleID = "5b1e2b1c-9d0f-4f6e-8c55-0f2f4c6a4f11"

func (op *described) body(base map[string]json.RawMessage, name, value string) string {
	var b strings.Builder
	for _, other := range slices.Sorted(maps.Keys(base)) {
		if other != name {
			fmt.Fprintf(&b, "%q: %s, ", other, base[other])
		}
	}
	return fmt.Sprintf("{%s%q: %s}", &b, name, value)
}

// mustName returns the name of a field whose value the description rules out, "" where it does not.
func (op *described) mustName(name, value string, schema *openapi3.SchemaRef) string {
	var v any
	if value == "null" || json.Unmarshal([]byte(value), &v) != nil || schema.Value.VisitJSON(v) == nil {
		return ""
	}
	return name
}

// badMethods tries methods that the path does not have.
func (s *service) badMethods(t *testing.T, path string, item *openapi3.PathItem, there map[string]string) {
	at := s.at(path, there, "", "")
	for _, method := range []string{"BREW", "PATCH", "OPTIONS", "TRACE", "HEAD", "GET", "POST", "PUT", "DELETE"} {
		if item.Operations()[method] != nil || method == http.MethodHead && item.Get != nil {
			continue
		}
		got := s.send(testRequest{method: method, path: at, header: latestHeader})
		says := method == http.MethodHead || strings.Contains(got.fault(), "The method "+method+" is not allowed")
		if got.status != 405 || got.header.Get("Allow") == "" || !says {
			t.Errorf("%s %s: %d %s, Allow %q", method, at, got.status, got.body, got.header.Get("Allow"))
		}
	}
	if item.Get == nil {
		return
	}
	asked := s.send(testRequest{method: "GET", path: at, header: latestHeader})
	if head := s.send(testRequest{method: "HEAD", path: at, header: latestHeader}); head.status != asked.status ||
		len(head.body) != 0 {
		t.Errorf("HEAD %s: %d %s, GET: %d", at, head.status, head.body, asked.status)
	}
}
