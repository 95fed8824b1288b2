package local

import (
	"fmt"
	"os"
	"path/filepath"
)

// place is the folder of one worker.
//
//	<id>/           only the worker's own group gets through
//	    agent/      the agent's socket for requests; the service's user only
//	    run/        the runtime's socket and the pipes of its logs; the worker gets through
//	    code/       the unpacked package; the worker reads
//	    home/       the worker's own: its home and scratch space
type place struct {
	dir string
}

func placeOf(run, workerID string) place { return place{dir: filepath.Join(run, workerID)} }

func (p place) agent() string  { return filepath.Join(p.dir, "agent") }
func (p place) socket() string { return filepath.Join(p.agent(), "sock") }
func (p place) run() string    { return filepath.Join(p.dir, "run") }
func (p place) code() string   { return filepath.Join(p.dir, "code") }
func (p place) home() string   { return filepath.Join(p.dir, "home") }

// make creates the folders for a worker of the user, whose group has the same number; 0: for one of the service's own user.
func (p place) make(uid int) error {
	own, group := os.Geteuid(), os.Getegid()
	if uid == 0 {
		uid = own
	} else {
		group = uid
	}
	for _, dir := range []struct {
		path  string
		mode  os.FileMode
		owner int
	}{
		{p.dir, 0o710, own},
		{p.agent(), 0o700, own},
		{p.run(), 0o710, own},
		{p.code(), 0o750, own},
		{p.home(), 0o700, uid},
	} {
		// Made for its maker alone first: there is no moment at which a stranger gets in.
		if err := os.Mkdir(dir.path, 0o700); err != nil {
			return fmt.Errorf("worker folder: %w", err)
		}
		if err := os.Chown(dir.path, dir.owner, group); err != nil {
			return fmt.Errorf("worker folder: %w", err)
		}
		if err := os.Chmod(dir.path, dir.mode); err != nil {
			return fmt.Errorf("worker folder: %w", err)
		}
	}
	return nil
}
