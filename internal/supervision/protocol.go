// Package supervision is the protocol between a pod's agent and the supervisor in the runtime's
// container: lines of JSON over a Unix socket, described in docs/runtime-protocol.md. The agent
// sends orders; the supervisor answers each with a report.
package supervision

import (
	"encoding/json"
	"fmt"

	"github.com/openstack-faas/faas/internal/faas"
)

// Version is the version of the protocol. Agent and supervisor come from different images, which an
// operator may renew one after the other.
const Version = 1

// Socket is the name of the agent's socket in the run directory to which the supervisor connects.
const Socket = "supervisor.sock"

// Launch says how the runtime's root process is to be started.
type Launch struct {
	Socket  string             `json:"socket"` // of the agent, for the runtime's connections
	HomeDir string             `json:"home"`   // HOME and TMPDIR
	Slots   int                `json:"slots"`
	Limits  faas.ProcessLimits `json:"limits"`
}

// Order is what an agent asks of a supervisor.
type Order struct {
	ID     int       `json:"id"`
	Type   OrderType `json:"type"`
	Launch *Launch   `json:"launch,omitempty"` // start
	Slot   int       `json:"slot,omitempty"`   // sweep, judge: its process id in its own container, 0 for none
	Bound  int64     `json:"bound,omitempty"`  // hold: bytes of memory for all processes together
}

// OrderType names what is asked for.
type OrderType string

// The orders.
const (
	OrderStart     OrderType = "start"
	OrderSweep     OrderType = "sweep"
	OrderOOMKills  OrderType = "oom_kills"
	OrderFootprint OrderType = "footprint"
	OrderHold      OrderType = "hold"
	OrderJudge     OrderType = "judge"
	OrderEnd       OrderType = "end"
)

// Report is what a supervisor says: ReportHello first, ReportDone for each order, and ReportEnded
// when the root has ended.
type Report struct {
	Type     ReportType `json:"type"`
	Protocol int        `json:"protocol,omitempty"` // hello
	Bounded  bool       `json:"bounded,omitempty"`  // hello: the kernel holds the container to its memory
	ID       int        `json:"id,omitempty"`       // done: the order's
	Value    int64      `json:"value,omitempty"`    // done: of oom_kills, footprint, hold and judge
	Error    string     `json:"error,omitempty"`    // done: why the order failed; ended: how
}

// ReportType names what a report is about.
type ReportType string

// The reports.
const (
	ReportHello ReportType = "hello"
	ReportDone  ReportType = "done"
	ReportEnded ReportType = "ended"
)

// DecodeReport reads a report from its line.
func DecodeReport(line []byte) (Report, error) {
	var r Report
	if err := json.Unmarshal(line, &r); err != nil {
		return r, fmt.Errorf("the supervisor sent no message of the protocol: %w", err)
	}
	return r, nil
}
