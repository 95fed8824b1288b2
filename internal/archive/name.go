package archive

import (
	"strings"
	"unicode/utf8"

	"github.com/openstack-faas/faas/internal/faas"
)

// What the file systems that we unpack to can hold, with room for the directory that the code is
// put in.
const (
	maxNameLength = 1024 // bytes of an entry's whole name
	maxPartLength = 255  // bytes between two slashes
	maxDepth      = 64   // directories within each other
)

// badName returns why an entry's name cannot be a file below the code's directory, or "" when it
// can.
func badName(name string) string {
	switch {
	case name == "":
		return "it has no name"
	case strings.ContainsRune(name, 0):
		return "its name holds a NUL byte"
	case !utf8.ValidString(name):
		return "its name is not UTF-8"
	case strings.ContainsRune(name, '\\'):
		return "its name holds a backslash"
	case strings.HasPrefix(name, "/"):
		return "its name is absolute"
	case len(name) >= 2 && name[1] == ':':
		return "its name begins with a drive letter"
	case len(name) > maxNameLength:
		return "its name is too long"
	}
	parts := strings.Split(strings.TrimSuffix(name, "/"), "/")
	if len(parts) > maxDepth {
		return "it lies too deep"
	}
	for _, part := range parts {
		switch {
		case part == "..":
			return "its name leads out of the package"
		case part == "" || part == ".":
			return "its name is not in its shortest form"
		case len(part) > maxPartLength:
			return "a part of its name is too long"
		}
	}
	return ""
}

// tree knows the names seen so far, so that no entry can replace another or stand below a file.
type tree struct {
	kind map[string]nodeKind
}

type nodeKind byte

const (
	impliedDir nodeKind = iota + 1 // only the parent of something so far
	namedDir
	file
)

func newTree(size int) tree { return tree{kind: make(map[string]nodeKind, size)} }

// add takes the name of the next entry; a directory's ends in a slash.
func (t tree) add(name string) error {
	clean, isDir := strings.CutSuffix(name, "/")
	for i := strings.IndexByte(clean, '/'); i >= 0; i = next(clean, i) {
		parent := clean[:i]
		if t.kind[parent] == file {
			return clash(name)
		}
		if t.kind[parent] == 0 {
			t.kind[parent] = impliedDir
		}
	}
	was := t.kind[clean]
	if was == file || was == namedDir || was == impliedDir && !isDir {
		return clash(name)
	}
	t.kind[clean] = file
	if isDir {
		t.kind[clean] = namedDir
	}
	return nil
}

// next returns the index of the slash after the one at i, or -1.
func next(s string, i int) int {
	j := strings.IndexByte(s[i+1:], '/')
	if j < 0 {
		return -1
	}
	return i + 1 + j
}

func clash(name string) error {
	return faas.Errorf(
		faas.Invalid,
		"The package's entry %q is refused: another entry has its name or that of a directory it lies in.",
		shorten(name),
	)
}
