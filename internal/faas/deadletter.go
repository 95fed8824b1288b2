package faas

import "time"

// DeadLetter is an event of which every execution of its trigger failed, or of which none could be
// made. It is kept until its user has it executed again or deletes it, or others take its place.
type DeadLetter struct {
	ID          string // of the execution that failed last; where there was none, follows from the event
	TriggerID   string
	ProjectID   string
	EventID     string
	EventSource string
	EventType   string
	Why         string // what that execution said, or why there was none
	Attempts    int    // executions that there were
	CreatedAt   time.Time
	Input       string // of the executions; where there was none, the event alone, or "" of one that is too large to be kept
	InputCut    int64  // set by lists: the bytes of a long input, of which Input has the beginning only
}
