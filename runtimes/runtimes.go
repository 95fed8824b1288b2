// Package runtimes holds the languages that functions are written in: each one's shim, which speaks
// docs/runtime-protocol.md, and how it is started. The shims are part of the binary, so that a
// service needs nothing beside it but the interpreters.
package runtimes

import (
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

//go:embed python3/main.py python3/modules.txt python3/faas_runtime/*.py nodejs/*.js
var shims embed.FS

// Runtime describes one language.
type Runtime struct {
	Name         string   // also the shim's folder
	Aliases      []string // other last parts of an image's name that mean this runtime
	Interpreters []string // where the interpreter may be: paths, or names for PATH, the best first
	MinMajor     int      // the oldest version of the interpreter that will do
	MinMinor     int
	flags        []string // for the interpreter
	script       string   // in the shim's folder
}

// all is every runtime. Python's flags: isolated from the environment and the user's folders,
// unbuffered, no compiled files written, and text is UTF-8 whatever the locale. Node.js needs only
// a little heap to start slots.
var all = []Runtime{
	{
		Name: "python3", Aliases: []string{"python", "python-runtime", "python3-runtime"},
		Interpreters: []string{"/usr/bin/python3", "/usr/local/bin/python3", "python3"}, MinMajor: 3, MinMinor: 8,
		flags: []string{"-I", "-u", "-B", "-X", "utf8"}, script: "main.py",
	},
	{
		Name: "nodejs", Aliases: []string{"node", "nodejs-runtime"},
		Interpreters: []string{"/usr/bin/node", "/usr/local/bin/node", "node", "nodejs"}, MinMajor: 18,
		flags: []string{"--max-old-space-size=32", "--max-semi-space-size=1", "--v8-pool-size=0"}, script: "root.js",
	},
}

// Names returns the names of the runtimes, in alphabetical order.
func Names() []string {
	names := make([]string, 0, len(all))
	for _, r := range all {
		names = append(names, r.Name)
	}
	slices.Sort(names)
	return names
}

// ForImage returns the runtime that an image reference means: its last path component without tag
// and digest is the runtime's name or one of its aliases, "registry.example/faas/python3:1.2".
func ForImage(image string) (Runtime, bool) {
	name, _, _ := strings.Cut(path.Base(image), "@")
	name, _, _ = strings.Cut(name, ":")
	i := slices.IndexFunc(all, func(r Runtime) bool { return r.Name == name || slices.Contains(r.Aliases, name) })
	if i < 0 {
		return Runtime{}, false
	}
	return all[i], true
}

// Command returns the argument vector that starts the runtime's root process. The directory is the
// one given to Extract.
func (r Runtime) Command(interpreter, dir string) []string {
	return slices.Concat([]string{interpreter}, r.flags, []string{filepath.Join(dir, r.Name, r.script)})
}

// Extract writes the shims below dir, which it makes; everybody may read them, nobody write. Files
// that are there are replaced one by one, each at once, so that a runtime that starts meanwhile
// finds either.
func Extract(dir string) error {
	return fs.WalkDir(shims, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		target := filepath.Join(dir, filepath.FromSlash(name))
		if entry.IsDir() {
			return makeDir(target)
		}
		content, err := shims.ReadFile(name)
		if err != nil {
			return err
		}
		return place(target, content)
	})
}

func makeDir(target string) error {
	if err := os.MkdirAll(target, 0o755); err != nil {
		return fmt.Errorf("extract runtimes: %w", err)
	}
	return os.Chmod(target, 0o755)
}

func place(target string, content []byte) error {
	fresh, err := os.CreateTemp(filepath.Dir(target), ".new-")
	if err != nil {
		return fmt.Errorf("extract runtimes: %w", err)
	}
	defer os.Remove(fresh.Name())
	_, err = fresh.Write(content)
	if err == nil {
		err = fresh.Chmod(0o444)
	}
	if closed := fresh.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(fresh.Name(), target)
	}
	if err != nil {
		return fmt.Errorf("extract runtimes: %w", err)
	}
	return nil
}
