package dispatch

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/jsonscan"
	"github.com/openstack-faas/faas/internal/plainhttp"
)

// readAnswer reads the answer to the request that was sent last. Agents answer calls in the
// plainest form there is, which is read here; any other is net/http's to read.
func (c *conn) readAnswer(req request) (answered, error) {
	for {
		buffered, _ := c.reader.Peek(c.reader.Buffered())
		head, complete, plain := plainhttp.Read(buffered)
		if plain {
			if status := statusOf(head.First); status != 0 && head.Length <= maxAnswer(req.path, c.limits) {
				_, _ = c.reader.Discard(head.Size) // it is in the buffer
				return c.readBody(req, status, head.Length)
			}
		}
		if complete || len(buffered) == c.reader.Size() {
			return c.readUnusual(req)
		}
		if _, err := c.reader.Peek(len(buffered) + 1); err != nil {
			return answered{}, c.failed("await", err)
		}
	}
}

// statusOf returns the status of an answer that has a body; 0 for any other.
func statusOf(line []byte) int {
	text, ok := bytes.CutPrefix(line, []byte("HTTP/1.1 "))
	if !ok || len(text) < 4 || text[3] != ' ' {
		return 0
	}
	status, err := strconv.Atoi(string(text[:3]))
	if err != nil || status < 200 || status == http.StatusNoContent || status == http.StatusNotModified {
		return 0
	}
	return status
}

func (c *conn) readBody(req request, status int, size int64) (answered, error) {
	if req.admit != nil {
		if err := req.admit(size); err != nil {
			return answered{}, &UnreadError{err}
		}
	}
	body := make([]byte, size)
	if _, err := io.ReadFull(c.reader, body); err != nil {
		return answered{}, c.failed("read", err)
	}
	return answered{status: status, body: body}, nil
}

// readUnusual has net/http read the answer.
func (c *conn) readUnusual(req request) (answered, error) {
	resp, err := http.ReadResponse(c.reader, nil)
	if err != nil {
		return answered{}, c.failed("await", err)
	}
	defer resp.Body.Close()
	if req.admit != nil {
		size := resp.ContentLength
		if size < 0 {
			size = maxAnswer(req.path, c.limits)
		}
		if err := req.admit(size); err != nil {
			return answered{}, &UnreadError{err}
		}
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return answered{}, c.failed("read", err)
	}
	return answered{status: resp.StatusCode, body: body, last: resp.Close}, nil
}

// encodeCall is json.Marshal for a call, whose input and context are JSON already.
func encodeCall(call faas.Call) []byte {
	const around = 256 // bytes
	b := make([]byte, 0, len(call.Input)+len(call.Context)+around)
	b = appendText(append(b, `{"execution_id":`...), call.ExecutionID)
	b = appendText(append(b, `,"key":{"function_id":`...), call.Key.FunctionID)
	b = strconv.AppendInt(append(b, `,"version":`...), int64(call.Key.Version), 10)
	b = strconv.AppendInt(append(b, `,"revision":`...), call.Key.Revision, 10)
	b = strconv.AppendInt(append(b, `},"timeout":`...), int64(call.Timeout), 10)
	if len(call.Input) > 0 {
		b = append(append(b, `,"input":`...), call.Input...)
	}
	if len(call.Context) > 0 {
		b = append(append(b, `,"context":`...), call.Context...)
	}
	if call.Trace != "" {
		b = appendText(append(b, `,"trace":`...), call.Trace)
	}
	return append(b, '}')
}

// appendText appends a text as JSON. Ids need no escapes.
func appendText(b []byte, text string) []byte {
	for _, c := range []byte(text) {
		if c < ' ' || c > '~' || c == '"' || c == '\\' {
			escaped, _ := json.Marshal(text) // a string: cannot fail
			return append(b, escaped...)
		}
	}
	return append(append(append(b, '"'), text...), '"')
}

// decodeOutcome is json.Unmarshal for what an agent answers to a call, in one pass. The agent has
// made sure that what the function gave is JSON. The outcome has parts of the answer in it.
func decodeOutcome(answer []byte, to *faas.Outcome) error {
	var out faas.Outcome
	usual := true
	err := jsonscan.Members(answer, func(name, value []byte) {
		switch string(name) {
		case "status":
			out.Status = faas.ExecutionStatus(jsonscan.Text(value))
		case "output":
			out.Output = value
		case "duration":
			ns, failed := strconv.ParseInt(string(value), 10, 64)
			usual, out.Duration = usual && failed == nil, time.Duration(ns)
		case "log":
			usual = usual && (string(value) == `""` || json.Unmarshal(value, &out.Log) == nil)
		default: // what the function raised, for one
			usual = false
		}
	})
	if err != nil || !usual {
		return json.Unmarshal(answer, to)
	}
	*to = out
	return nil
}
