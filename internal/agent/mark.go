package agent

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/openstack-faas/faas/internal/agentconfig"
)

// mark is a file that outlives the agent's process and says that the worker was made a function's,
// so that whoever starts in the same place later does not take the worker for nobody's. An empty
// path, of a worker that ends with its process, marks nothing.
type mark string

func (m mark) leave() error {
	if m == "" {
		return nil
	}
	if err := os.WriteFile(string(m), nil, 0o644); err != nil {
		return fmt.Errorf("mark the worker as a function's: %w", err)
	}
	return nil
}

// remove takes the mark back, of a worker that has come to be nobody's after all.
func (m mark) remove() error {
	if m == "" {
		return nil
	}
	return os.Remove(string(m))
}

var errWasOwned = errors.New("this worker was a function's before its agent was started again, and serves no other")

// begin returns an error unless the worker is known to have been nobody's up to now; then it clears
// away what an agent before this one has left.
func (m mark) begin(c agentconfig.Config) error {
	if m == "" {
		return nil
	}
	switch _, err := os.Lstat(string(m)); {
	case err == nil:
		return errWasOwned
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("look for the mark of a function: %w", err)
	}
	if err := errors.Join(empty(c.RunDir), empty(c.CodeDir)); err != nil {
		return fmt.Errorf("clear away what is old: %w", err)
	}
	return nil
}
