package local

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/openstack-faas/faas/internal/proctree"
)

// sharedFolders are where every program of the machine may write. A worker's own home is there for
// its processes, where this host grants them a view of their own.
var sharedFolders = []string{"/tmp", "/var/tmp"}

// probeOwnFolders returns why workers share these folders with the machine; nil when they do not.
func (h *host) probeOwnFolders() error {
	if h.users == nil {
		return errors.New("the service does not run as root")
	}
	if folder := sharedFolder(h.run); folder != "" {
		return fmt.Errorf(
			"the workers' own folder, %s, is below %s: configure run_dir elsewhere", h.run, folder,
		)
	}
	home, err := os.MkdirTemp(h.run, "probe-")
	if err != nil {
		return err
	}
	return errors.Join(proctree.ProbeOwnFolders(home), os.Remove(home))
}

// sharedFolder returns which of the shared folders a path is below, or leads into; "" for none.
func sharedFolder(path string) string {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		real = path
	}
	for _, folder := range sharedFolders {
		if strings.HasPrefix(path, folder+"/") || strings.HasPrefix(real, folder+"/") {
			return folder
		}
	}
	return ""
}

// needsSharedFolders reports whether a command is of an interpreter that is itself in one of the
// shared folders, and so needs them as they are.
func needsSharedFolders(argv []string) bool {
	return slices.ContainsFunc(argv, func(argument string) bool { return sharedFolder(argument) != "" })
}
