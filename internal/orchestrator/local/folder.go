package local

import (
	"fmt"
	"os"
	"path/filepath"
)

// folder is the folder of one worker.
//
//	<id>/           only the worker's own group gets through
//	    agent/      the agent's socket for requests; the service's user only
//	    run/        the runtime's socket and the pipes of its logs; the worker gets through
//	    code/       the unpacked package; the worker reads
//	    home/       the worker's own: its home and scratch space
type folder struct {
	dir string
}

func folderOf(run, workerID string) folder { return folder{dir: filepath.Join(run, workerID)} }

func (f folder) agent() string  { return filepath.Join(f.dir, "agent") }
func (f folder) socket() string { return filepath.Join(f.agent(), "sock") }
func (f folder) run() string    { return filepath.Join(f.dir, "run") }
func (f folder) code() string   { return filepath.Join(f.dir, "code") }
func (f folder) home() string   { return filepath.Join(f.dir, "home") }

// make creates the folders for a worker that runs as the user, whose group has the same number; 0:
// as the service's own user.
func (f folder) make(uid int) error {
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
		{f.dir, 0o710, own},
		{f.agent(), 0o700, own},
		{f.run(), 0o710, own},
		{f.code(), 0o750, own},
		{f.home(), 0o700, uid},
	} {
		// It is first made for its maker alone, so that there is no moment at which others have
		// access.
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
