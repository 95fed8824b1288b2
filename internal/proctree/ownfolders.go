package proctree

import (
	"errors"
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"
)

// sharedMemory bounds /dev/shm, as in a pod. What is in it counts as the worker's memory.
const sharedMemory = "size=64m,mode=1777"

// withOwnFolders runs start on a thread with a view of the file system of its own, in which home is
// at /tmp and /var/tmp, and /dev/shm is empty. Processes that start has started keep that view; it
// ends with the last of them, and nothing has to be unmounted. With an error start was not run.
func withOwnFolders(home string, start func()) error {
	failed := make(chan error, 1)
	go func() {
		// Never unlocked: the thread, whose view no other may get, ends with this goroutine.
		runtime.LockOSThread()
		err := mountOwnFolders(home)
		if err == nil {
			start()
		}
		failed <- err
	}()
	return <-failed
}

// ProbeOwnFolders reports why a worker cannot have folders of its own where others share /tmp; nil
// when it can. The folder serves as a worker's home.
func ProbeOwnFolders(home string) error { return withOwnFolders(home, func() {}) }

func mountOwnFolders(home string) error {
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("make a mount namespace: %w", err)
	}
	// What the host mounts later is seen here, what is mounted here is not seen there.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SLAVE, ""); err != nil {
		return fmt.Errorf("keep mounts within their namespace: %w", err)
	}
	for _, folder := range []string{"/tmp", "/var/tmp"} {
		if err := mountIfThere(home, folder, "", unix.MS_BIND, ""); err != nil {
			return err
		}
	}
	return mountIfThere("tmpfs", "/dev/shm", "tmpfs", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, sharedMemory)
}

// mountIfThere mounts, unless the host has no such folder.
func mountIfThere(source, folder, kind string, flags uintptr, options string) error {
	err := unix.Mount(source, folder, kind, flags, options)
	if err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("mount %s on %s: %w", source, folder, err)
	}
	return nil
}
