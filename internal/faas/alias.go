package faas

import "time"

// Alias is a name in a project that stands for a version of a function, and may be moved to another.
type Alias struct {
	ID          string
	ProjectID   string
	Name        string // unique in the project
	FunctionID  string
	Version     int // 0 is the live code
	Canary      Canary
	Description string
	CreatedAt   time.Time
	UpdatedAt   time.Time // zero until the first update
}

// Canary is a second version of an alias's function, which gets a part of its calls. Its zero value
// is none.
type Canary struct {
	Version int // 0 is the live code
	Percent int // of the alias's calls, 1 to 99; 0 when there is no canary
}

// MaxAliasName is how many characters an alias's name may have.
const MaxAliasName = MaxNameLength
