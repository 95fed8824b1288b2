package local

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"
)

// stateDir holds what the next process must know if this one is killed. Only the service's user may
// read it.
//
//	lock          held by the one process that uses the folder
//	secret        what tokens are derived from
//	run           the path of the folder that holds the workers' folders
//	workers/<id>  a record of each agent that was started
type stateDir struct {
	dir  string
	lock *os.File
}

// record is what is needed to end a worker whose service is gone.
type record struct {
	ID      string `json:"id"`
	PID     int    `json:"pid"`     // of the agent
	Started uint64 `json:"started"` // of the agent, in clock ticks since boot
	UID     int    `json:"uid"`     // of the worker's processes; 0: the service's own
}

// openState creates the folder if it is missing and locks it for this process.
func openState(dir string) (*stateDir, error) {
	for _, path := range []string{dir, filepath.Join(dir, "workers")} {
		if err := os.MkdirAll(path, 0o700); err != nil {
			return nil, fmt.Errorf("state directory: %w", err)
		}
	}
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("state directory: %w", err)
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = lock.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("another process uses the state directory %s", dir)
		}
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	return &stateDir{dir: dir, lock: lock}, nil
}

func (s *stateDir) close() error { return s.lock.Close() }

func (s *stateDir) recordPath(workerID string) string {
	return filepath.Join(s.dir, "workers", workerID)
}

// keep writes a worker's record. It is not synced: after a crash of the machine there is no process
// to end.
func (s *stateDir) keep(r record) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return os.WriteFile(s.recordPath(r.ID), text, 0o600)
}

func (s *stateDir) drop(workerID string) {
	_ = os.Remove(s.recordPath(workerID)) // a record too many costs the next start one look
}

// records returns what an earlier process left. A record that is incomplete, because of a crash
// while it was written, is of an agent that had no configuration yet and so had started nothing:
// only its name counts.
func (s *stateDir) records() ([]record, error) {
	entries, err := os.ReadDir(filepath.Join(s.dir, "workers"))
	if err != nil {
		return nil, err
	}
	var all []record
	for _, entry := range entries {
		text, err := os.ReadFile(s.recordPath(entry.Name()))
		if err != nil {
			return nil, err
		}
		var r record
		if json.Unmarshal(text, &r) != nil || r.ID != entry.Name() {
			r = record{ID: entry.Name()}
		}
		all = append(all, r)
	}
	return all, nil
}

// maxRunDir is the longest path of the folder that leaves room for a worker's id and the names of
// its sockets in the 107 bytes that the path of a Unix socket may have.
const maxRunDir = 107 - len("/00000000-0000-4000-8000-000000000000/run/runtime.sock")

// makeRunDir makes a new folder for the workers' folders and records where it is. The state
// directory is often where other users have no access, as below /root, and must not be opened for
// workers. So their folder is elsewhere, under a name that nobody could have taken before.
func (s *stateDir) makeRunDir(parent string, otherUsers bool) (string, error) {
	parents := []string{parent}
	if parent == "" {
		parents = []string{os.TempDir(), "/tmp", "/var/tmp"}
		if otherUsers { // with folders of their own there, which hide what the machine has in them
			parents = slices.Insert(parents, 0, "/var/cache")
		}
	} else if err := os.MkdirAll(parent, 0o755); err != nil {
		return "", fmt.Errorf("run directory: %w", err)
	}
	var refused error
	for _, parent := range parents {
		run, err := makeReachable(parent, otherUsers)
		if err != nil {
			refused = errors.Join(refused, err)
			continue
		}
		if err := os.WriteFile(s.runFile(), []byte(run), 0o600); err != nil {
			return "", errors.Join(err, os.Remove(run))
		}
		return run, nil
	}
	return "", fmt.Errorf("run directory: %w", refused)
}

func (s *stateDir) runFile() string { return filepath.Join(s.dir, "run") }

func makeReachable(parent string, otherUsers bool) (string, error) {
	parent, err := filepath.Abs(parent)
	if err != nil {
		return "", err
	}
	if otherUsers {
		if err := passable(parent); err != nil {
			return "", err
		}
	}
	run, err := os.MkdirTemp(parent, "faas-")
	if err != nil {
		return "", err
	}
	if len(run) > maxRunDir {
		return "", errors.Join(fmt.Errorf("the path %s is too long for sockets below it", run), os.Remove(run))
	}
	return run, os.Chmod(run, 0o711)
}

// passable returns an error unless every user may pass through the folder and all above it.
func passable(dir string) error {
	for {
		info, err := os.Stat(dir)
		if err != nil {
			return err
		}
		if info.Mode().Perm()&0o001 == 0 {
			return fmt.Errorf("%s (mode %o) must be searchable by all users, who run workers below it", dir, info.Mode().Perm())
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return nil
		}
		dir = parent
	}
}

// oldRunDir returns the folder that an earlier process has left, or "". Somebody else may have made
// a folder of that name since: only one of the service's own user counts.
func (s *stateDir) oldRunDir() (string, error) {
	path, err := os.ReadFile(s.runFile())
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	info, err := os.Lstat(string(path))
	if err != nil || !info.IsDir() {
		return "", nil //nolint:nilerr // it is gone
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); !ok || int(stat.Uid) != os.Geteuid() {
		return "", nil
	}
	return string(path), nil
}
