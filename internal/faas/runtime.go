package faas

import "time"

// RuntimeStatus is where a runtime is in its life.
type RuntimeStatus string

// The states of a runtime, as clients see them.
const (
	RuntimeCreating  RuntimeStatus = "creating"
	RuntimeAvailable RuntimeStatus = "available"
	RuntimeUpgrading RuntimeStatus = "upgrading"
	RuntimeDeleting  RuntimeStatus = "deleting"
	RuntimeError     RuntimeStatus = "error"
)

// Runtime is a language environment: an image and a pool of warm, generic workers made from it.
type Runtime struct {
	ID           string
	ProjectID    string
	Name         string
	Description  string
	Image        string // an image reference; on the local orchestrator the name of a built-in runtime ("python3")
	Status       RuntimeStatus
	StatusReason string    // why Status is RuntimeError; "" otherwise
	IsPublic     bool      // usable by every project
	Trusted      bool      // false: workers run under the cluster's sandboxing runtime class
	Placement    Placement // where there are several clusters: in which its workers are
	Interpreter  string    // Contents.Interpreter, as its newest worker says; "" until one has
	Modules      string    // Contents.Modules likewise: JSON of a list of Module, "" when they are not known
	CreatedAt    time.Time
	UpdatedAt    time.Time // zero until the first update
}

// Pool is the capacity of a runtime's pool of generic workers.
type Pool struct {
	Total     int // generic workers, starting ones too
	Available int // generic workers that are ready to be claimed
}
