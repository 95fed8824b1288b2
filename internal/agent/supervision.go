package agent

import (
	"encoding/json"
	"fmt"
)

// supervisionVersion is the version of what an agent and a supervisor say to each other. They come from different images, which an
// operator may renew one after the other.
const supervisionVersion = 1

// supervisorSocket is the name of the agent's socket in the run directory to which the supervisor connects.
const supervisorSocket = "supervisor.sock"

// order is what an agent asks of a supervisor, a line of JSON; docs/runtime-protocol.md describes it.
type order struct {
	ID     int     `json:"id"`
	Type   string  `json:"type"`             // one of the order… words
	Launch *launch `json:"launch,omitempty"` // start
	Slot   int     `json:"slot,omitempty"`   // sweep: its process id as its own container counts, 0 for none
}

const (
	orderStart     = "start"
	orderSweep     = "sweep"
	orderKills     = "oom_kills"
	orderFootprint = "footprint"
	orderEnd       = "end"
)

// report is what a supervisor says: "hello" first, one "done" for each order, and "ended" when the root has ended.
type report struct {
	Type     string `json:"type"`
	Protocol int    `json:"protocol,omitempty"` // hello
	Bounded  bool   `json:"bounded,omitempty"`  // hello: the kernel holds the container to its memory
	ID       int    `json:"id,omitempty"`       // done: the order's
	Value    int64  `json:"value,omitempty"`    // done: of oom_kills and footprint
	Error    string `json:"error,omitempty"`    // done: why the order could not be carried out; ended: how
}

const (
	reportHello = "hello"
	reportDone  = "done"
	reportEnded = "ended"
)

func decodeReport(line []byte) (report, error) {
	var r report
	if err := json.Unmarshal(line, &r); err != nil {
		return r, fmt.Errorf("the supervisor sent no message of the protocol: %w", err)
	}
	return r, nil
}
