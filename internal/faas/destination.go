package faas

// Destination is where the outcome of an execution is taken. One of its fields is set, or none:
// then it is taken nowhere.
type Destination struct {
	Calls FunctionRef // in the function's project, resolved each time
	Queue string      // of Zaqar, in the function's project
	URL   string
}

// None reports whether there is no destination.
func (d Destination) None() bool { return d == Destination{} }

// Follows reports whether something follows executions of the function that nobody waits for.
func (f Function) Follows() bool { return !f.OnSuccess.None() || !f.OnFailure.None() }

// DestinationOf returns where the outcome of an execution is taken that ended so.
func (f Function) DestinationOf(s ExecutionStatus) Destination {
	switch s {
	case ExecutionSuccess:
		return f.OnSuccess
	case ExecutionFailed, ExecutionError:
		return f.OnFailure
	case ExecutionQueued, ExecutionRunning, ExecutionCancelled:
	}
	return Destination{}
}
