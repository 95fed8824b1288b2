package faas

// FunctionRef says which code is to be called: by the name of an alias, or by a function and a
// version of it. It is what an execution, a job or a webhook is told, and says nothing of whether
// such code exists.
type FunctionRef struct {
	FunctionID string // "" when Alias is set
	Version    int    // 0 is the live code
	Alias      string // "" when FunctionID is set
}

// Callable is code that can be called, as it was when a FunctionRef was resolved.
type Callable struct {
	// Function is the function as it runs: of a version, with the code, entry, limits and trust that
	// the version has.
	Function Function
	Version  int // 0 is the live code
	Target   Target
}
