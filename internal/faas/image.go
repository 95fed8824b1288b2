package faas

import (
	"bytes"
	"encoding/json"
	"time"
)

// ImageStart is how long the container of an image may take until it runs: to be given a place, and
// its image to be pulled.
const ImageStart = time.Minute

// RunImageRequest asks an engine to run one call in a container of its own, of a target whose
// protocol is ProtocolRun.
type RunImageRequest struct {
	Target Target `json:"target"`
	Call   Call   `json:"call"`
}

// RunImageAnswer is how the call ended, or why nothing of it has begun. An engine that cannot tell
// either answers with an error.
type RunImageAnswer struct {
	Outcome *Outcome `json:"outcome,omitempty"`

	Refused    Kind          `json:"refused,omitempty"` // "" when there is an outcome
	Message    string        `json:"message,omitempty"`
	RetryAfter time.Duration `json:"retry_after,omitempty"`
}

// PlainValue returns the value of an input that is no JSON object, as it was given: a word, or
// other JSON. False says that the input is an object, or that there is none.
func PlainValue(input json.RawMessage) (value json.RawMessage, plain bool) {
	if !bytes.Contains(input, []byte(PlainInput)) {
		return nil, false
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(input, &members) != nil || len(members) != 1 {
		return nil, false
	}
	value, plain = members[PlainInput]
	return value, plain
}
