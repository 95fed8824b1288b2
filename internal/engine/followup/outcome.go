package followup

import (
	"encoding/json"
	"strconv"

	"github.com/openstack-faas/faas/internal/event"
	"github.com/openstack-faas/faas/internal/faas"
)

// Types of the events that say how executions ended.
const (
	typeSucceeded = "org.openstack.faas.execution.succeeded"
	typeFailed    = "org.openstack.faas.execution.failed"
)

// maxCarried is how many bytes of an input and of a result an event has. Zaqar takes 256 KiB for a
// message by default.
const maxCarried = 64 << 10

// outcome is the data of such an event.
type outcome struct {
	ExecutionID     string          `json:"execution_id"`
	FunctionID      string          `json:"function_id"`
	FunctionVersion int             `json:"function_version"`
	Status          string          `json:"status"`
	Input           json.RawMessage `json:"input,omitempty"`
	Result          json.RawMessage `json:"result,omitempty"`
	Bounded         bool            `json:"bounded"` // input or result were too large and are not here
}

// outcomeOf returns the event that says how an execution ended. It is one deeper than the event
// that the execution is of, and has the execution's id: who gets it twice knows it by that.
func outcomeOf(x faas.Execution) (event.Event, error) {
	e := event.New()
	e.SetID(x.ID)
	e.SetSource("/v1/functions/" + x.FunctionID)
	e.SetType(typeFailed)
	if x.Status == faas.ExecutionSuccess {
		e.SetType(typeSucceeded)
	}
	e.SetSubject(x.ID)
	e.SetTime(x.EndedAt)
	o := outcome{
		ExecutionID: x.ID, FunctionID: x.FunctionID, FunctionVersion: x.FunctionVersion, Status: string(x.Status),
	}
	for _, c := range []struct {
		text string
		to   *json.RawMessage
	}{{x.Input, &o.Input}, {x.Result, &o.Result}} {
		switch {
		case len(c.text) > maxCarried:
			o.Bounded = true
		case json.Valid([]byte(c.text)):
			*c.to = json.RawMessage(c.text)
		}
	}
	data, err := faas.PlainJSON(o)
	if err != nil {
		return e, err
	}
	if err := e.SetData("application/json", data); err != nil {
		return e, err
	}
	return event.WithDepth(e, depthOf(x)+1), nil
}

// depthOf returns how deep the execution is among those that caused one another.
func depthOf(x faas.Execution) int {
	cause, ok, err := event.FromInput(x.Input)
	if err != nil || !ok {
		return 0
	}
	return min(event.Depth(cause), faas.MaxEventDepth)
}

// tooDeep says in a log what an event that is not sent has in common with others.
func tooDeep() string {
	return "executions have caused each other " + strconv.Itoa(faas.MaxEventDepth) + " times in a row"
}
