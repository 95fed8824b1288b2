package faas

import (
	"crypto/sha256"
	"encoding/binary"
	"strconv"
	"time"

	"github.com/google/uuid"
)

// TriggerSource is where a trigger's events come from.
type TriggerSource string

// The sources.
const (
	TriggerAodh         TriggerSource = "aodh"         // an alarm, which the trigger keeps in Aodh
	TriggerZaqar        TriggerSource = "zaqar"        // the messages of a queue
	TriggerSwift        TriggerSource = "swift"        // the objects of a container
	TriggerNotification TriggerSource = "notification" // what services say on the message bus
	TriggerClock        TriggerSource = "clock"        // a pattern of cron
	TriggerWebhook      TriggerSource = "webhook"      // whoever has the trigger's URL
)

// TriggerStatus is where a trigger is in its life.
type TriggerStatus string

// The states of a trigger.
const (
	TriggerPending  TriggerStatus = "pending"  // its source is not asked for events yet; StatusReason says why if it takes long
	TriggerActive   TriggerStatus = "active"   // events execute its function
	TriggerPaused   TriggerStatus = "paused"   // its user wants no events for a while
	TriggerError    TriggerStatus = "error"    // its source has no events for it, for the reason in StatusReason; tried again
	TriggerDeleting TriggerStatus = "deleting" // what it has elsewhere is being deleted, then it is gone
)

// EventInput is the key of an execution's input that holds the event which caused it, as
// CloudEvents' JSON. What else is in the input is what the trigger's template made.
const EventInput = "__event"

// Extensions of the events that executions get. CloudEvents wants their names in lower case and
// without separators.
const (
	EventDepth   = "faasdepth"   // how many executions there were in a row, each caused by the one before
	EventAttempt = "faasattempt" // how often the event was tried with the function, this time included
)

// MaxEventDepth bounds EventDepth: what executes itself again and again ends there.
const MaxEventDepth = 16

// Trigger has a function executed when something happens.
type Trigger struct {
	ID           string
	ProjectID    string
	UserID       string // who made it: its executions are theirs
	Name         string
	Description  string
	Calls        FunctionRef // in the trigger's project, resolved at each event
	Source       TriggerSource
	Settings     string // of the source: the JSON of an object, complete
	Filter       string // JSON of the list of filters that an event must pass; "" for none
	Template     string // JSON of the object that the input is made of, beside the event; "" for none
	Retries      int    // how often an execution that failed is tried again
	RetryDelay   int    // seconds before the first of those; twice as long before each next one
	Status       TriggerStatus
	StatusReason string
	Generation   int64  // of its URL, as of a Webhook's; changes of Settings leave it
	TrustID      string // by which the service acts in the project for the trigger; "" for none
	State        string // what the source's keeper has to remember, JSON of an object; "" for nothing
	CreatedAt    time.Time
	UpdatedAt    time.Time // by its user; zero until the first change
	Seen         TriggerSeen
}

// TriggerSeen is what a trigger has seen. It is a little behind.
type TriggerSeen struct {
	Delivered   int64 // events that are executions
	Filtered    int64 // events that did not pass the filter
	Duplicates  int64 // events that came again, of which there is an execution
	Failed      int64 // events that are dead letters, or were refused
	LastEventAt time.Time
	LastEventID string
	LastError   string
	LastErrorAt time.Time
}

// Plus returns what was seen together with what was seen after it.
func (s TriggerSeen) Plus(after TriggerSeen) TriggerSeen {
	s.Delivered += after.Delivered
	s.Filtered += after.Filtered
	s.Duplicates += after.Duplicates
	s.Failed += after.Failed
	if !after.LastEventAt.Before(s.LastEventAt) {
		s.LastEventAt, s.LastEventID = after.LastEventAt, after.LastEventID
	}
	if !after.LastErrorAt.Before(s.LastErrorAt) {
		s.LastErrorAt, s.LastError = after.LastErrorAt, after.LastError
	}
	return s
}

// Kept reports whether the source has a keeper: something elsewhere that belongs to each trigger,
// or something to be done for it again and again.
func (s TriggerSource) Kept() bool { return s != TriggerWebhook && s != TriggerNotification }

// Acts reports whether triggers of the source act in their project, by a trust.
func (s TriggerSource) Acts() bool {
	return s == TriggerAodh || s == TriggerZaqar || s == TriggerSwift
}

// Heard reports whether engines that hear the message bus remember triggers of the source.
func (s TriggerSource) Heard() bool { return s == TriggerNotification || s == TriggerSwift }

// Door reports whether events of the source come to the trigger's URL.
func (s TriggerSource) Door() bool {
	return s == TriggerAodh || s == TriggerZaqar || s == TriggerWebhook
}

// Current reports whether the URL of a generation is good.
func (t Trigger) Current(generation int64) bool { return generation == t.Generation }

// Wants reports whether events of the trigger are taken.
func (t Trigger) Wants() bool { return t.Status != TriggerPaused && t.Status != TriggerDeleting }

// IDOfEvent returns the id of the execution that an event makes for a trigger at the so-many-th
// attempt: the same each time that it is asked for, so that there is one. (RFC 9562, version 8.)
// Unlike IDOf it is in no order: the same event may come at different times. It never begins with a
// 0, as an id of NewID does until the year 2527, so that the store can tell the two apart.
func IDOfEvent(triggerID, source, eventID string, attempt int) string {
	sum := sha256.New()
	for _, part := range []string{triggerID, source, eventID, strconv.Itoa(attempt)} {
		sum.Write(binary.BigEndian.AppendUint32(nil, uint32(len(part))))
		sum.Write([]byte(part))
	}
	var id uuid.UUID
	copy(id[:], sum.Sum(nil))
	id[6], id[8] = id[6]&0x0f|0x80, id[8]&0x3f|0x80
	if id[0]>>4 == 0 {
		id[0] |= 0x10
	}
	return id.String()
}
