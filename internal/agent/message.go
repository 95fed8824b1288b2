package agent

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/openstack-faas/faas/internal/faas"
)

// protocolVersion is the version of the runtime protocol that this agent speaks:
// docs/runtime-protocol.md.
const protocolVersion = 1

// maxFraming is what a result's line may have beyond the result itself, in bytes: field names and a
// failure's message, twice.
const maxFraming = 256 << 10

// maxErrorType and maxErrorMessage bound what the parts of a failure may have, in bytes.
const (
	maxErrorType    = 256
	maxErrorMessage = 64 << 10
)

// fromRoot is any message of the runtime's root process, and a slot's "ready".
type fromRoot struct {
	Type         string   `json:"type"`
	Protocol     int      `json:"protocol"`      // hello
	Version      string   `json:"version"`       // hello: of the language
	BoundsMemory string   `json:"bounds_memory"` // hello: "load", "start" or "" for never
	ReportsLoad  bool     `json:"reports_load"`  // hello: its slots can say "loaded"
	Interpreter  string   `json:"interpreter"`   // hello: the language with its version, for people
	MemoryMarks  []string `json:"memory_marks"`  // hello: texts in the log of a slot that gave up for want of memory
	Slot         int      `json:"slot"`          // ready, exited
	Nonce        string   `json:"nonce"`         // ready
	PID          int      `json:"pid"`           // ready
	Code         int      `json:"code"`          // exited: exit status
	Signal       int      `json:"signal"`        // exited: the signal that killed it, or 0
	Message      string   `json:"message"`       // exited: why it could not even be started

	Modules []faas.Module `json:"modules"` // hello: what functions find beside the language's own
}

func decodeFromRoot(line []byte) (fromRoot, error) {
	var m fromRoot
	if err := json.Unmarshal(line, &m); err != nil {
		return m, fmt.Errorf("the runtime sent an invalid message: %w", err)
	}
	return m, nil
}

// result is a slot's answer to a call.
type result struct {
	Type      string               `json:"type"`
	Status    faas.ExecutionStatus `json:"status"`
	Output    json.RawMessage      `json:"output"`
	Error     *faas.Failure        `json:"error"`     // what the function raised
	Resources bool                 `json:"resources"` // it failed for want of memory or processes
	Last      bool                 `json:"last"`      // the slot's process ends after this
}

func decodeResult(line []byte) (result, error) {
	var r result
	if err := json.Unmarshal(line, &r); err != nil {
		return r, fmt.Errorf("the slot sent an invalid message: %w", err)
	}
	known := r.Status == faas.ExecutionSuccess || r.Status == faas.ExecutionFailed
	if r.Type != "result" || !known || len(r.Output) == 0 {
		return r, fmt.Errorf("the slot sent a message that is not a result")
	}
	if e := r.Error; e != nil && (r.Status != faas.ExecutionFailed || e.Type == "" || len(e.Type) > maxErrorType ||
		len(e.Message) > maxErrorMessage) {
		r.Error = nil
	}
	return r, nil
}

// decodeLoaded returns an error unless the line is a slot's report that its function is loaded.
func decodeLoaded(line []byte) error {
	var m struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(line, &m); err != nil || m.Type != "loaded" {
		return errors.New("the slot sent a message that does not report its function as loaded")
	}
	return nil
}

// start asks the root for a slot.
type start struct {
	Type   string `json:"type"`
	Slot   int    `json:"slot"`
	Nonce  string `json:"nonce"`
	Output string `json:"output"`           // the pipe for standard output and error
	Late   string `json:"late"`             // the pipe for what calls print after their answers
	Memory int64  `json:"memory,omitempty"` // bytes; absent while the worker is generic
}

// kill asks the root to end a slot.
type kill struct {
	Type string `json:"type"`
	Slot int    `json:"slot"`
}

// load has a slot load the function.
type load struct {
	Type          string `json:"type"`
	Code          string `json:"code"`
	Entry         string `json:"entry"`
	ResultLimit   int64  `json:"result_limit"`
	Memory        int64  `json:"memory"`
	MemoryBounded bool   `json:"memory_bounded"` // the kernel holds the worker to it; else the slot should
	Report        bool   `json:"report"`         // say "loaded" when the function is loaded, or cannot be
}

// credentials is what a slot's call is to use from now on instead of what its context had.
type credentials struct {
	Type    string          `json:"type"`
	Context json.RawMessage `json:"context"`
}

// appendCall appends a call's line. Input and context are JSON already, and go in as they are: only
// line feeds, which in JSON are mere space, would break the framing.
func appendCall(b []byte, c faas.Call) []byte {
	b = append(b, `{"type":"call","id":`...)
	id, _ := json.Marshal(c.ExecutionID)
	b = append(b, id...)
	if len(c.Input) > 0 {
		b = appendSpaced(append(b, `,"input":`...), c.Input)
	}
	if len(c.Context) > 0 {
		b = appendSpaced(append(b, `,"context":`...), c.Context)
	}
	return append(b, '}', '\n')
}

func appendSpaced(b []byte, raw json.RawMessage) []byte {
	at := len(b)
	b = append(b, raw...)
	for i := at; i < len(b); i++ {
		if b[i] == '\n' {
			b[i] = ' '
		}
	}
	return b
}
