package local

import (
	"errors"
	"io"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// removeTree removes a folder that a hostile function may have filled, of any depth. A plain
// recursive removal needs an open descriptor for each level, and a function can nest folders deeper
// than the service may have files open. removeTree needs two at any depth: it moves every folder
// that is not empty up to the top before it looks into it. It never follows links. Nothing may
// write to the tree any more.
func removeTree(top string) error {
	root, err := openDir(unix.AT_FDCWD, top)
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	if err != nil {
		return &os.PathError{Op: "open", Path: top, Err: err}
	}
	r := treeRemover{root: root}
	err = r.empty(root)
	for len(r.moved) > 0 && err == nil {
		name := r.moved[len(r.moved)-1]
		r.moved = r.moved[:len(r.moved)-1]
		err = r.emptyAndRemove(name)
	}
	err = errors.Join(err, root.Close())
	if err != nil {
		return err
	}
	return os.Remove(top)
}

type treeRemover struct {
	root  *os.File
	moved []string // names of folders below root that wait to be emptied
	next  int
}

func openDir(at int, name string) (*os.File, error) {
	fd, err := unix.Openat(at, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), name), nil
}

func (r *treeRemover) emptyAndRemove(name string) error {
	root := int(r.root.Fd())
	_ = unix.Fchmodat(root, name, 0o700, 0) // a function may have removed its owner's rights; opening shows if this fails
	dir, err := openDir(root, name)
	if err != nil {
		return &os.PathError{Op: "open", Path: name, Err: err}
	}
	err = errors.Join(r.empty(dir), dir.Close())
	if err != nil {
		return err
	}
	return unix.Unlinkat(root, name, unix.AT_REMOVEDIR)
}

// empty removes what is in the folder, and moves to the top what would have to be emptied first.
func (r *treeRemover) empty(dir *os.File) error {
	for {
		names, err := dir.Readdirnames(512)
		for _, name := range names {
			if err := r.removeOrMove(int(dir.Fd()), name); err != nil {
				return &os.PathError{Op: "remove", Path: name, Err: err}
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (r *treeRemover) removeOrMove(dir int, name string) error {
	err := unix.Unlinkat(dir, name, 0)
	if errors.Is(err, unix.EISDIR) || errors.Is(err, unix.EPERM) {
		err = unix.Unlinkat(dir, name, unix.AT_REMOVEDIR)
	}
	if err == nil || errors.Is(err, unix.ENOENT) {
		return nil
	}
	if !errors.Is(err, unix.ENOTEMPTY) && !errors.Is(err, unix.EEXIST) {
		return err
	}
	if dir == int(r.root.Fd()) {
		r.moved = append(r.moved, name)
		return nil
	}
	return r.move(dir, name)
}

func (r *treeRemover) move(dir int, name string) error {
	_ = unix.Fchmodat(dir, name, 0o700, 0) // one that its owner may not write to cannot be moved
	for {
		r.next++
		free := strconv.Itoa(r.next)
		err := unix.Renameat2(dir, name, int(r.root.Fd()), free, unix.RENAME_NOREPLACE)
		if errors.Is(err, unix.EEXIST) {
			continue
		}
		if err == nil {
			r.moved = append(r.moved, free)
		}
		return err
	}
}
