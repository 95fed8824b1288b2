package faas

import (
	"bytes"
	"encoding/json"
	"strconv"
	"time"
)

// ExecutionStatus is where an execution is in its life.
type ExecutionStatus string

// The states of an execution. Clients never see ExecutionQueued: to them an execution runs from its
// creation on, as in Qinling.
const (
	ExecutionQueued  ExecutionStatus = "queued"  // accepted, asynchronous, nobody has claimed it
	ExecutionRunning ExecutionStatus = "running" // claimed under a lease
	ExecutionSuccess ExecutionStatus = "success" // the function returned
	ExecutionFailed  ExecutionStatus = "failed"  // the function raised, ran too long, or used too much
	ExecutionError   ExecutionStatus = "error"   // the service could not run it, or does not know how it ended
	// ended before its time, because somebody asked for that or its function was deleted; clients
	// of early microversions see ExecutionError
	ExecutionCancelled ExecutionStatus = "cancelled"
)

// Ended reports whether the status is final.
func (s ExecutionStatus) Ended() bool {
	switch s {
	case ExecutionSuccess, ExecutionFailed, ExecutionError, ExecutionCancelled:
		return true
	case ExecutionQueued, ExecutionRunning:
	}
	return false
}

// Execution is the record of one call.
type Execution struct {
	ID              string
	ProjectID       string
	UserID          string
	RequestID       string // of the API request that asked for it
	FunctionID      string
	FunctionVersion int
	FunctionAlias   string
	Description     string
	Sync            bool
	Status          ExecutionStatus
	Input           string        // JSON text of an object, or "" for none; a plain word is {"__function_input": word}
	Result          string        // JSON text {"duration": seconds, "output": …}; "" until it ended
	InputCut        int64         // set by lists: the bytes of a long input, of which Input has the beginning only
	ResultCut       int64         // set by lists: the same of the result
	LogCut          int64         // the store's own: the same of the log, in its row
	Log             string        // what the function and its child processes printed; not filled by lists
	TriggerID       string        // the trigger whose event it is of; "" for none
	FollowUp        bool          // something follows its end: a trigger's retry or dead letter, a function's destination
	Owner           string        // the process that runs it; "" before it was claimed
	Lease           time.Duration // what its owner asks for, from the record's writing on; never read back
	LeaseUntil      time.Time     // by the database's clock: nobody compares it with their own; read and never written
	Attempts        int           // how often a run was begun; more than one says that it may have run more than once
	CreatedAt       time.Time
	StartedAt       time.Time
	EndedAt         time.Time
	UpdatedAt       time.Time
}

// PlainInput is the key under which an input that is no JSON object is recorded, as Qinling's
// clients know it.
const PlainInput = "__function_input"

// Texts that clients of Qinling look for in the output of a failed execution.
const (
	OutputTimeout   = "Function execution timeout."
	OutputResources = "Function execution failed because of too much resource consumption"
)

// The outputs of cancelled executions.
const (
	OutputCancelled = "The execution was cancelled."
	OutputDeleted   = "The function does not exist any more."
	OutputNoVersion = "The version of the function does not exist any more."
)

// Failure is what a function raised, in parts, for programs.
type Failure struct {
	Type    string `json:"type"`    // as the language names it: "KeyError"
	Message string `json:"message"` // may be empty
}

// result is the JSON that clients read: python-qinlingclient and the dashboard know the first two
// names.
type result struct {
	Duration float64         `json:"duration"` // seconds
	Output   json.RawMessage `json:"output"`
	Error    *Failure        `json:"error,omitempty"`
}

// Result returns the text of an execution's Result. An output that is no JSON is recorded as null.
func (o Outcome) Result() string {
	r := result{Duration: float64(o.Duration.Microseconds()) / 1e6, Output: plainJSON(o.Output), Error: o.Error}
	if text, ok := r.plain(); ok {
		return text
	}
	b, err := PlainJSON(r)
	if err != nil {
		b, _ = PlainJSON(result{Duration: r.Duration, Error: r.Error}) // a float, nil and strings: cannot fail
	}
	return string(b)
}

// plain is PlainJSON for the usual result, which has no error: each call has one.
func (r result) plain() (text string, ok bool) {
	if r.Error != nil {
		return "", false
	}
	var b bytes.Buffer
	b.Grow(len(r.Output) + 64)
	b.WriteString(`{"duration":`)
	b.Write(strconv.AppendFloat(b.AvailableBuffer(), r.Duration, 'f', -1, 64)) // microseconds, not less
	b.WriteString(`,"output":`)
	if json.Compact(&b, r.Output) != nil {
		return "", false
	}
	b.WriteByte('}')
	return b.String(), true
}

// ResultText returns the text of an execution's Result without an error.
func ResultText(duration time.Duration, output json.RawMessage) string {
	return Outcome{Duration: duration, Output: output}.Result()
}

// PlainJSON is json.Marshal for what no web page embeds: "<", ">" and "&" stay as they are.
func PlainJSON(v any) ([]byte, error) {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSuffix(text.Bytes(), []byte("\n")), err
}

// TextOutput returns a message as an output: a JSON string.
func TextOutput(message string) json.RawMessage {
	b, _ := json.Marshal(message) // a string cannot fail
	return b
}
