package agent

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/jsonscan"
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
	Environment  bool     `json:"environment"`   // hello: its slots set the variables of "load"
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

// A slot's usual answer is these bytes around the output, as Python's and Node.js's runtimes write
// it.
var (
	successBegins = []byte(`{"type":"result","status":"success","output":`)
	successEnds   = []byte(`}`)
)

func decodeResult(line []byte) (result, error) {
	var r result
	if output, ok := bytes.CutPrefix(line, successBegins); ok {
		if output, ok = bytes.CutSuffix(output, successEnds); ok && json.Valid(output) { // one value, and nothing beside it
			return result{Type: "result", Status: faas.ExecutionSuccess, Output: bytes.Clone(output)}, nil
		}
	}
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

	Environment map[string]string `json:"environment,omitempty"` // of the slot's process, before the function is loaded
}

// credentials is what a slot's call is to use from now on instead of what its context had.
type credentials struct {
	Type    string          `json:"type"`
	Context json.RawMessage `json:"context"`
}

// decodeCall decodes the request for a call. Who sends it has the worker's token and has made sure
// that input and context are JSON. It is looked through once; what is not as faas.Call is written
// usually is left to encoding/json.
func decodeCall(body []byte) (c faas.Call, err error) {
	usual := true
	err = jsonscan.Members(body, func(name, value []byte) {
		switch string(name) {
		case "execution_id":
			c.ExecutionID = string(jsonscan.Text(value))
		case "key":
			usual = usual && decodeKey(value, &c.Key)
		case "input":
			c.Input = value
		case "context":
			c.Context = value
		case "timeout":
			usual = usual && decodeNumber(value, (*int64)(&c.Timeout))
		case "trace":
			c.Trace = string(jsonscan.Text(value))
		default:
			usual = false
		}
	})
	if err == nil && usual {
		return c, nil
	}
	c = faas.Call{}
	return c, json.Unmarshal(body, &c)
}

// decodeKey decodes a key as it is written usually, and reports false for any other.
func decodeKey(object []byte, key *faas.Key) bool {
	usual, version := true, int64(0)
	err := jsonscan.Members(object, func(name, value []byte) {
		switch string(name) {
		case "function_id":
			key.FunctionID = string(jsonscan.Text(value))
		case "version":
			usual = usual && decodeNumber(value, &version)
		case "revision":
			usual = usual && decodeNumber(value, &key.Revision)
		default:
			usual = false
		}
	})
	key.Version = int(version)
	return usual && err == nil
}

func decodeNumber(value []byte, to *int64) bool {
	n, err := strconv.ParseInt(string(value), 10, 64)
	*to = n
	return err == nil
}

// appendCall appends a call's line. Input and context are JSON already, and go in as they are: only
// line feeds, which in JSON are mere space, would break the framing.
func appendCall(b []byte, c faas.Call) []byte {
	b = append(b, `{"type":"call","id":`...)
	b = append(b, text(c.ExecutionID)...)
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
