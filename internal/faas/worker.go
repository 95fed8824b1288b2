package faas

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// Key names what a worker runs: one revision of one version of one function. A worker serves one
// key in its life.
type Key struct {
	FunctionID string `json:"function_id"`
	Version    int    `json:"version"`
	Revision   int64  `json:"revision"`
}

// String returns the key in the form that workers are asked with: function/version/revision.
func (k Key) String() string { return fmt.Sprintf("%s/%d/%d", k.FunctionID, k.Version, k.Revision) }

// Target is a key and all that specialising a worker for it takes.
type Target struct {
	Key        Key    `json:"key"`
	ProjectID  string `json:"project_id"`
	RuntimeID  string `json:"runtime_id"`
	Size       int64  `json:"size,omitempty"` // bytes of the package; 0: not known
	SHA256     string `json:"sha256"`         // the package's name in the code store
	Entry      string `json:"entry"`
	CPU        int    `json:"cpu"`         // millicores
	MemorySize int64  `json:"memory_size"` // bytes

	Image    string   `json:"image,omitempty"` // of an image function, which has no runtime, package or entry
	Protocol Protocol `json:"protocol,omitempty"`
	Registry Registry `json:"registry,omitzero"` // as whom the image is pulled

	Environment Variables `json:"environment,omitempty"`
	Secrets     Variables `json:"secrets,omitempty"` // sealed: who makes the worker opens them

	TrustID string `json:"trust_id,omitempty"` // the Keystone trust by which its calls act; "" for none
	// its package is an object in Swift as it was when it was looked at last
	FromSwift bool `json:"from_swift,omitempty"`
}

// Worker is a place where calls run: generic until it is specialised, a function's own ever after.
type Worker struct {
	ID        string    `json:"id"`
	RuntimeID string    `json:"runtime_id"`
	Address   string    `json:"address"` // "unix:/path" or "tcp:host:port", of its agent
	Slots     int       `json:"slots"`   // calls that it runs at a time
	Ready     bool      `json:"ready"`
	Key       Key       `json:"key"` // zero while it is generic
	ProjectID string    `json:"project_id"`
	StartedAt time.Time `json:"started_at"`
	// Node names the machine that it runs on, whose end ends all workers of the same name; "" where
	// that is this machine.
	Node string `json:"node,omitempty"`
	// TLS is whether its agent speaks TLS. Programs of the release before do not know the field, and
	// speak to the worker without.
	TLS TLS `json:"tls,omitempty"`
	// Unintroduced says that its agent is up, and that it is not Ready only because no engine has
	// introduced it yet. Engines alone need to know.
	Unintroduced bool `json:"-"`
}

// TLS says whether a worker's agent is spoken to by TLS.
type TLS string

// The ways to speak to an agent.
const (
	TLSNever    TLS = ""
	TLSAccepted TLS = "accept"  // by TLS, unless the agent is of a release that knew none
	TLSRequired TLS = "require" // by TLS or not at all
)

// Generic reports whether the worker belongs to no function yet.
func (w Worker) Generic() bool { return w.Key == Key{} }

// Specialisation is the first line of a request to specialise a worker; the package's bytes follow
// it.
type Specialisation struct {
	Key        Key    `json:"key"`
	Entry      string `json:"entry"`
	SHA256     string `json:"sha256"`      // of the bytes that follow, which the agent verifies
	MemorySize int64  `json:"memory_size"` // bytes, for the limits that the agent itself sets per process

	Environment Environment `json:"environment,omitempty"` // for the code's processes, and never the agent's own
}

// Call is one call as a worker is asked to run it.
type Call struct {
	ExecutionID string          `json:"execution_id"`
	Key         Key             `json:"key"`             // the worker refuses a call for another key
	Input       json.RawMessage `json:"input,omitempty"` // a JSON object, or {"__function_input": value}, or absent
	Timeout     time.Duration   `json:"timeout"`         // nanoseconds; the agent enforces it
	Context     json.RawMessage `json:"context,omitempty"`
	Trace       string          `json:"trace,omitempty"` // the traceparent of whoever is asked next; "" when nothing is traced

	Renewal *Renewal `json:"-"` // of what the context holds; nil when that outlives the call
	// KeepLog keeps what a call that takes long has printed so far, for as long as nobody knows its
	// outcome; nil: nobody does.
	KeepLog func(ctx context.Context, log string) error `json:"-"`
}

// LogQuery asks for what a call under way has printed so far.
type LogQuery struct {
	ExecutionID string `json:"execution_id"`
	Seen        int64  `json:"seen"` // bytes that it had printed when it was asked last
	Most        int64  `json:"most"` // bytes of the answer
}

// LogSoFar is the answer.
type LogSoFar struct {
	Printed int64  `json:"printed"`       // bytes; as many as were seen: nothing is new
	Log     string `json:"log,omitempty"` // all of it, the first and the last where it was too long
}

// Renewal is how a call that runs for longer than its token lives comes by another.
type Renewal struct {
	Ends time.Time // of the token in the call's context
	Next func(ctx context.Context) (fresh json.RawMessage, ends time.Time, err error)
}

// Credentials is the context that a call under way is to use from now on.
type Credentials struct {
	ExecutionID string          `json:"execution_id"`
	Context     json.RawMessage `json:"context"`
}

// Outcome is how a call ended in its worker.
type Outcome struct {
	Status   ExecutionStatus `json:"status"`          // success, failed or cancelled
	Output   json.RawMessage `json:"output"`          // what the function returned, or the message of its failure as a JSON string
	Error    *Failure        `json:"error,omitempty"` // what the function raised; nil when that is not known
	Duration time.Duration   `json:"duration"`
	Log      string          `json:"log"`             // bounded; a mark shows where it was cut
	Ready    time.Duration   `json:"ready,omitempty"` // of a traced call: after so much of Duration the function had its input
	LogKept  bool            `json:"-"`               // Call.KeepLog has kept what it had printed so far
	Cold     bool            `json:"-"`               // it waited for a worker to become the function's; the caller's to say
	Story    []StoryEvent    `json:"-"`               // what was unusual on the way there; the caller's to say
}

// WorkerStatus is the state that an agent reports.
type WorkerStatus struct {
	State   string        `json:"state"` // one of the Worker… states
	Key     Key           `json:"key"`
	Slots   int           `json:"slots"`
	Busy    int           `json:"busy"` // slots that run a call now
	IdleFor time.Duration `json:"idle_for"`
	// bytes that the warm runtime takes without any function, all slots reckoned in; 0: unknown
	Footprint int64 `json:"footprint"`
	// its runtime sets variables: of one that was built before functions had any, nothing is reported
	Environment bool `json:"environment,omitempty"`
}

// The states of a worker as its agent reports them.
const (
	WorkerStarting    = "starting"    // the runtime is not warm yet
	WorkerGeneric     = "generic"     // warm, nobody's
	WorkerSpecialised = "specialised" // a function's own, takes calls
	WorkerDraining    = "draining"    // takes no more calls
)

// Refusal codes of an agent: each is answered before anything of the call has begun, so it is safe
// to send it elsewhere.
const (
	RefusedBusy     = "busy"      // every slot runs a call
	RefusedNotMine  = "not_mine"  // the worker serves another key, or none
	RefusedDraining = "draining"  // the worker takes no more calls
	RefusedClaimed  = "claimed"   // a specialisation came second
	RefusedStarting = "starting"  // a specialisation came before the runtime was warm
	RefusedPackage  = "package"   // the package's bytes are not what was announced, or cannot be unpacked
	RefusedToken    = "forbidden" // the token is not this worker's
)
