package faas

// Elsewhere is the cause of a NotFound error about a thing that is there, but not within the scope
// that was asked. Who may read such things is told so, everybody else that there is no such thing.
type Elsewhere struct {
	Noun      string // what it is, as in "function version"
	ProjectID string // whose it is
}

// Error is for the log; callers of the API see the message of the NotFound error alone.
func (e *Elsewhere) Error() string { return "the " + e.Noun + " is another project's" }
