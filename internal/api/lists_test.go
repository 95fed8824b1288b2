package api

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/openstack-faas/faas/internal/faas"
)

// TestListsCutLongTexts has clients parse what a list shows in the place of a long input or result.
func TestListsCutLongTexts(t *testing.T) {
	s := newService(t)
	function := s.newFunction(s.newRuntime(), "f").ID
	s.answer(echo)
	long := `{"text": "` + strings.Repeat("x", 10_000) + `"}`
	body, err := json.Marshal(map[string]string{"function_id": function, "input": long})
	s.must(err)
	var made, shown executionView
	s.do("POST", "/v1/executions", string(body), 201).decode(t, &made)
	s.do("GET", "/v1/executions/"+made.ID, "", 200).decode(t, &shown)
	if *shown.Input != *made.Input || len(*shown.Input) < 10_000 || *shown.Result != *made.Result ||
		shown.Truncated != nil {
		t.Errorf("shown with an input of %d bytes, truncated %v", len(*shown.Input), shown.Truncated)
	}
	var list struct{ Executions []executionView }
	answer := s.do("GET", "/v1/executions", "", 200)
	answer.decode(t, &list)
	if len(list.Executions) != 1 || len(answer.body) > 2000 {
		t.Fatalf("listed %d in %d bytes", len(list.Executions), len(answer.body))
	}
	x := list.Executions[0]
	if want := fmt.Sprintf(`{"truncated":true,"size":%d}`, len(*made.Input)); *x.Input != want {
		t.Errorf("the input is shown as %s, want %s", *x.Input, want)
	}
	var whole, cut struct {
		Duration  *float64
		Output    any
		Truncated bool
		Size      int
	}
	s.must(json.Unmarshal([]byte(*made.Result), &whole))
	s.must(json.Unmarshal([]byte(*x.Result), &cut))
	if cut.Duration == nil || *cut.Duration != *whole.Duration || cut.Output != nil || !cut.Truncated ||
		cut.Size != len(*made.Result) {
		t.Errorf("the result is shown as %s; it has %d bytes and took %v s", *x.Result, len(*made.Result),
			*whole.Duration)
	}
	if !slices.Equal(x.Truncated, []string{"input", "result"}) {
		t.Errorf("truncated are %v", x.Truncated)
	}
}

// TestCutResults has results of any writer shown.
func TestCutResults(t *testing.T) {
	const rest = `,"output":null,"truncated":true,"size":5000}`
	for beginning, want := range map[string]string{
		faas.ResultText(1500000, []byte(`"x"`)): `{"duration":0.0015` + rest,
		`{"duration":1e-06,"output":"x`:         `{"duration":1e-06` + rest,
		`{"duration": 0.25, "output": "x`:       `{"duration":0.25` + rest,
		`{"output":"x`:                          `{"output":null,"truncated":true,"size":5000}`,
		`{"duration":1..2,"output":"x`:          `{"output":null,"truncated":true,"size":5000}`,
	} {
		got := shownResult(faas.Execution{Result: beginning, ResultCut: 5000})
		if !json.Valid([]byte(got)) || got != want {
			t.Errorf("%s is shown as %s, want %s", beginning, got, want)
		}
	}
}

// TestSortKeysAreFew has an order that was asked for four thousand times be refused.
func TestSortKeysAreFew(t *testing.T) {
	s := newService(t)
	for keys, want := range map[string]string{
		strings.TrimSuffix(strings.Repeat("id,", 4000),
			","): "A list of functions can be sorted by at most 4 keys; sort_keys has 4000.",
		"name,created_at,name": "sort_keys has name twice.",
	} {
		answer := s.do("GET", "/v1/functions?sort_keys="+url.QueryEscape(keys), "", 400)
		if answer.fault() != want {
			t.Errorf("got %q, want %q", answer.fault(), want)
		}
	}
}
