package faas

import "time"

// CodeSource says where a function's code comes from.
type CodeSource string

// The sources.
const (
	SourcePackage CodeSource = "package" // a zip that the client uploaded
	SourceSwift   CodeSource = "swift"   // an object in the project's Swift
	SourceImage   CodeSource = "image"   // a container image
)

// Code is a function's code. Which fields are set follows from Source.
type Code struct {
	Source    CodeSource
	MD5       string // hex, of the package's bytes: what clients show and check
	SHA256    string // hex, of the package's bytes: its name in the code store
	Size      int64  // bytes
	Container string // Swift
	Object    string // Swift
	ETag      string // Swift: of the object whose bytes the package has
	Image     string // container image reference, as its user wrote it
	Digest    string // of the image that the reference stood for when it was set; "" where nobody looked
	Protocol  Protocol
}

// Protocol is how a container of an image is given its calls.
type Protocol string

// The protocols of image functions.
const (
	ProtocolRun Protocol = "run" // one container for each call: the input is its arguments, what it prints its result
	// an HTTP server on $PORT, which stays warm: the input is the body of a POST, the answer's body
	// the result
	ProtocolHTTP Protocol = "http"
)

// Function is what a project's developer made: code, an entry and limits. This is version 0, the
// live one.
type Function struct {
	ID            string
	ProjectID     string
	Name          string
	Description   string
	RuntimeID     string // "" for an image function
	Entry         string // module.function
	Code          Code
	CPU           int           // millicores
	MemorySize    int64         // bytes, beyond the warm runtime's own footprint
	Timeout       time.Duration // whole seconds
	Count         int           // executions asked for so far, shown to clients; best effort
	LatestVersion int           // the newest frozen version; 0 when there is none
	TrustID       string        // the Keystone trust by which its workers act for its creator; "" for none
	TrustRoles    []string      // the names of that trust's roles
	Registry      Registry      // as whom its image is pulled
	Environment   Variables     // what its code finds in its environment
	Secrets       Variables     // the same that nobody is shown; the values are sealed
	// Revision grows by one with every change that a worker must not outlive: code, entry, cpu, memory,
	// environment, secrets.
	Revision  int64
	OnSuccess Destination // of executions that nobody waits for, of every version
	OnFailure Destination
	Retention Retention // of the records of its executions, of every version
	CreatedAt time.Time
	UpdatedAt time.Time // zero until the first update
}

// Target returns what a worker must hold to run the live version of the function.
func (f Function) Target() Target {
	return Target{
		Key:       Key{FunctionID: f.ID, Version: 0, Revision: f.Revision},
		ProjectID: f.ProjectID, RuntimeID: f.RuntimeID, SHA256: f.Code.SHA256, Size: f.Code.Size, Entry: f.Entry,
		CPU: f.CPU, MemorySize: f.MemorySize, Image: f.Code.PinnedImage(), Protocol: f.Code.Protocol, TrustID: f.TrustID,
		FromSwift: f.Code.Source == SourceSwift, Registry: f.Registry, Environment: f.Environment, Secrets: f.Secrets,
	}
}
