package api

import (
	"encoding/json"
	"regexp"

	"github.com/openstack-faas/faas/internal/faas"
)

// A list has no long inputs and results: a thousand executions may have gigabytes of them. What it
// shows in their place is JSON text too, since clients parse it, and has the members that they read
// of a result. The item's "truncated" names what was cut, so that nothing that a user sends or
// returns can be taken for a cut.
type cutText struct {
	Duration  *json.Number    `json:"duration,omitempty"` // seconds; of a result
	Output    json.RawMessage `json:"output,omitempty"`   // null; of a result
	Truncated bool            `json:"truncated"`
	Size      int64           `json:"size"` // bytes of the whole text
}

// text returns the JSON text.
func (c cutText) text() string {
	c.Truncated = true
	b, _ := json.Marshal(c) // numbers, null and true cannot fail
	return string(b)
}

// shownInput returns an execution's input as it is shown.
func shownInput(x faas.Execution) string {
	if x.InputCut == 0 {
		return x.Input
	}
	return cutText{Size: x.InputCut}.text()
}

// resultDuration finds the duration at the beginning of a result, where the service writes it.
var resultDuration = regexp.MustCompile(`^\{"duration": ?((?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?),`)

// shownResult returns an execution's result as it is shown.
func shownResult(x faas.Execution) string {
	if x.ResultCut == 0 {
		return x.Result
	}
	cut := cutText{Output: json.RawMessage("null"), Size: x.ResultCut}
	if found := resultDuration.FindStringSubmatch(x.Result); found != nil {
		duration := json.Number(found[1])
		cut.Duration = &duration
	}
	return cut.text()
}

// truncated names the attributes of an execution that a list has cut.
func truncated(x faas.Execution) []string {
	var names []string
	if x.InputCut > 0 {
		names = append(names, "input")
	}
	if x.ResultCut > 0 {
		names = append(names, "result")
	}
	return names
}
