package local

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/runtimes"
)

// workerPath is the PATH of workers: nothing of the service's own environment reaches them.
const workerPath = "/usr/local/bin:/usr/bin:/bin"

// language is a built-in runtime that can be started on this host. Pools whose images name the same
// one share it.
type language struct {
	name   string
	argv   []string
	shares bool // its workers cannot have folders of their own: see needsSharedFolders
}

// languages finds a built-in runtime by its image and, the first time, its interpreter.
type languages struct {
	shims string // the folder that the runtimes' own code was put into
	given map[string]string
	as    *syscall.Credential // a worker's, to try interpreters with; nil for the service's own

	mu    sync.Mutex
	found map[string]*language
}

// newLanguages puts the runtimes' own code where workers can read it.
func newLanguages(run string, given map[string]string, as *syscall.Credential) (*languages, error) {
	shims := filepath.Join(run, "runtimes")
	if err := runtimes.Extract(shims); err != nil {
		return nil, fmt.Errorf("write the runtimes' code: %w", err)
	}
	if err := os.Chmod(shims, 0o755); err != nil {
		return nil, fmt.Errorf("write the runtimes' code: %w", err)
	}
	return &languages{shims: shims, given: given, as: as, found: map[string]*language{}}, nil
}

// find returns the language that the image names, or an error for the runtime's owner. An
// interpreter that was found is remembered; one that was not is looked for again each time, because
// it may have been installed since.
func (l *languages) find(ctx context.Context, image string) (*language, error) {
	described, known := runtimes.ForImage(image)
	if !known {
		return nil, faas.Errorf(faas.Invalid, "This host has no runtime for the image %q. Its built-in ones are: %s.",
			image, strings.Join(runtimes.Names(), ", "))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if found := l.found[described.Name]; found != nil {
		return found, nil
	}
	choice := interpreterChoice{
		candidates: described.Interpreters, minMajor: described.MinMajor, minMinor: described.MinMinor,
	}
	if given := l.given[described.Name]; given != "" {
		choice.candidates = []string{given}
	}
	interpreter, err := choice.find(ctx, l.as)
	if ctx.Err() != nil {
		return nil, faas.Errorf(faas.Unavailable, "No interpreter was found in time.").WithCause(ctx.Err())
	}
	if err != nil {
		return nil, faas.Errorf(faas.Unavailable,
			"This host has no interpreter of version %d.%d or later for the runtime %s: %v.",
			described.MinMajor, described.MinMinor, described.Name, err)
	}
	argv := described.Command(interpreter, l.shims)
	found := &language{name: described.Name, argv: argv, shares: needsSharedFolders(argv)}
	l.found[described.Name] = found
	return found, nil
}
