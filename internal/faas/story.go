package faas

import (
	"math/bits"
	"time"
)

// StoryKind is what happened to an execution.
type StoryKind string

// What may happen to an execution. The first three are in its record and are made of it; the others
// are unusual and are kept each by itself.
const (
	StoryAccepted StoryKind = "accepted" // the API has taken the request
	StoryStarted  StoryKind = "started"  // a process has taken it and sends it to a worker
	StoryEnded    StoryKind = "ended"    // with the status that the record says

	StoryTurn      StoryKind = "waited_for_turn" // other executions of its project, or other projects, ran first
	StorySlot      StoryKind = "waited_for_slot" // the function's workers were busy
	StoryCold      StoryKind = "cold_start"      // it waited for a worker to become the function's
	StoryRan       StoryKind = "ran_on"          // names the worker of a call that did not succeed
	StoryElsewhere StoryKind = "sent_elsewhere"  // a worker did not begin it: another was looked for
	StoryPutOff    StoryKind = "put_off"         // an attempt to run it has not begun it: it is queued still
	StoryWoken     StoryKind = "woken"           // nobody had taken it for long: its message was sent again
	StoryLost      StoryKind = "lease_over"      // the process that ran it was lost
	StoryCancelled StoryKind = "cancelled"       // somebody asked for its end
	StoryRequeued  StoryKind = "requeued"        // an operator had it run again
	StorySettled   StoryKind = "settled"         // an operator has ended it
)

// StoryEvent is something that happened to an execution. Several of a kind within a while are one.
type StoryEvent struct {
	Kind    StoryKind
	Nth     int           // tells events of a kind apart, see Execution.Story
	At      time.Time     // of the first, when it had happened
	Times   int           // how often it happened; 0 stands for 1
	Took    time.Duration // all of them together, of what takes time
	Worker  string        // the id of the worker; "" for none
	Process string        // of the service, that says so
	Detail  string        // why, for people
}

// NoteworthyWait is how long an execution must have waited for that to be part of its story.
const NoteworthyWait = 100 * time.Millisecond

// Story returns the events as they are kept with the execution: by whom they are told, and numbered
// by how old the execution was. As it waits on, more and more events of a kind are one: of a kind
// there are never more than maxNth.
func (x Execution) Story(process string, events ...StoryEvent) []StoryEvent {
	for i := range events {
		e := &events[i]
		e.Process = process
		seconds := uint64(max(0, e.At.Sub(x.CreatedAt)) / time.Second)
		e.Nth = min(bits.Len64(seconds)/2, maxNth-1)
	}
	return events
}

// maxNth is reached after three days.
const maxNth = 10
