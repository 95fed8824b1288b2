// Package version says which build a program is. Every binary has the flag --version from here.
package version

import (
	"flag"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
)

// release is the version of a build that a packager makes, who sets it:
//
//	go build -ldflags='-X github.com/openstack-faas/faas/cmd/internal/version.release=1.2.3'
//
// Where it is empty, the version is what Go found in the module or in the repository.
var release string

// Flag adds --version to the flags of a program. Who finds it set after parsing calls Print and
// ends with success.
func Flag(flags *flag.FlagSet) *bool {
	return flags.Bool("version", false, "print the version and end")
}

// Print writes the program's line: its name, the version, the commit where the build knows it, and
// the Go that it was built with.
func Print(out io.Writer, program string) error {
	_, err := fmt.Fprintln(out, program, text())
	return err
}

// Release returns the version alone.
func Release() string { return releaseOf(build()) }

func build() *debug.BuildInfo {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{}
	}
	return info
}

func text() string {
	info := build()
	return releaseOf(info) + commit(info.Settings) + " " + runtime.Version()
}

func releaseOf(info *debug.BuildInfo) string {
	version := release
	if version == "" {
		version = info.Main.Version
	}
	if version == "" || version == "(devel)" { // built outside of a repository
		version = "unknown"
	}
	return version
}

// commit returns the commit that the build is of, with a leading space; "" where nobody knows.
func commit(settings []debug.BuildSetting) string {
	revision, changed := "", ""
	for _, s := range settings {
		switch {
		case s.Key == "vcs.revision":
			revision = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			changed = ", changed"
		}
	}
	if revision == "" {
		return ""
	}
	return " (commit " + revision[:min(12, len(revision))] + changed + ")"
}
