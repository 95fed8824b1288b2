package cgroup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// mount is one mounted file system of control groups.
type mount struct {
	dir     string
	root    string   // the part of the hierarchy that is seen there
	kind    string   // cgroup or cgroup2
	options []string // of the superblock: version 1 names its controllers there
}

// readMounts returns the mounted file systems of control groups. proc(5) describes the file's
// format.
func readMounts(path string) ([]mount, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read mounts: %w", err)
	}
	var mounts []mount
	for line := range strings.Lines(string(b)) {
		before, after, ok := strings.Cut(strings.TrimSpace(line), " - ")
		own, rest := strings.Fields(before), strings.Fields(after)
		if !ok || len(own) < 5 || len(rest) < 3 || rest[0] != "cgroup" && rest[0] != "cgroup2" {
			continue
		}
		mounts = append(mounts, mount{dir: own[4], root: own[3], kind: rest[0], options: strings.Split(rest[2], ",")})
	}
	return mounts, nil
}

// ownV2 returns the directory of this process's own version 2 group below the mount.
func ownV2(mountDir string) (string, error) {
	b, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(b)) {
		if path, ok := strings.CutPrefix(strings.TrimSpace(line), "0::"); ok {
			return filepath.Join(mountDir, path), nil
		}
	}
	return "", errors.New("this process is in no group of version 2")
}
