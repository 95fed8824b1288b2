package faas

import "time"

// DeadLetter is an event that a trigger had executions for, all of which failed. It is kept until
// its user has it executed again or deletes it, or others take its place.
type DeadLetter struct {
	ID          string // of the execution that failed last
	TriggerID   string
	ProjectID   string
	EventID     string
	EventSource string
	EventType   string
	Why         string // what that execution said
	Attempts    int    // executions that there were
	CreatedAt   time.Time
	Input       string // of the executions
	InputCut    int64  // set by lists: the bytes of a long input, of which Input has the beginning only
}
