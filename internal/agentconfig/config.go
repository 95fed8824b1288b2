// Package agentconfig is what a worker's agent and whoever starts it say to each other: the
// configuration on its standard input and the announcement on its standard output.
package agentconfig

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/openstack-faas/faas/internal/cgroup"
	"github.com/openstack-faas/faas/internal/faas"
)

// Config is the configuration of an agent above its runtime: one JSON object and a line feed on
// standard input. Arguments and environment would be readable by other processes. Its starter keeps
// that pipe open for as long as it wants the worker.
type Config struct {
	WorkerID string             `json:"worker_id"`
	Token    string             `json:"token"`  // what every request must bear
	Listen   string             `json:"listen"` // "unix:/path" or "tcp:host:port", for requests
	Slots    int                `json:"slots"`  // calls at a time; 0: faas.DefaultConcurrency
	Limits   faas.ProcessLimits `json:"limits"` // a zero field: its default
	Runtime  Process            `json:"runtime"`
	// RunDir is the agent's user's: the runtime's socket and the pipes of the logs are made in it.
	// The runtime's user must be able to pass through.
	RunDir string `json:"run_dir"`
	// CodeDir is the agent's user's, empty: the package is unpacked into it. The runtime's user
	// must be able to read it.
	CodeDir string `json:"code_dir"`
	// HomeDir is the runtime's user's, writable: HOME and TMPDIR.
	HomeDir  string           `json:"home_dir"`
	Cgroup   *cgroup.Location `json:"cgroup,omitempty"`
	Timeouts Timeouts         `json:"waits"`
}

// Process says how the runtime's root process is started.
type Process struct {
	Command []string `json:"command"`       // argument vector; the first is an absolute path
	Env     []string `json:"env,omitempty"` // NAME=value, beside PATH, LANG, HOME, TMPDIR and FAAS_SOCKET
	UID     int      `json:"uid,omitempty"` // 0: the agent's own user
	GID     int      `json:"gid,omitempty"` // 0: the same number as UID
	OwnUser bool     `json:"own_user"`      // nobody else has this user, so processes can be counted by it
	// OwnFolders has HomeDir be /tmp and /var/tmp for the runtime, and /dev/shm its own: what it is
	// told of must not be in those. Only root can grant it.
	OwnFolders bool `json:"own_folders"`
}

// Timeouts bound what the agent waits for, in nanoseconds. A zero field means its default.
type Timeouts struct {
	Start time.Duration `json:"start"` // until the runtime is warm; 20 s
	Load  time.Duration `json:"load"`  // until a call's process has loaded the function; faas.LoadTimeout
	Kill  time.Duration `json:"kill"`  // until the runtime's root confirms that a slot has ended; 2 s
	Drain time.Duration `json:"drain"` // for the calls under way after SIGTERM; 30 s
}

// WithDefaults returns the timeouts with every gap filled.
func (t Timeouts) WithDefaults() Timeouts {
	setDefault(&t.Start, 20*time.Second)
	setDefault(&t.Load, faas.LoadTimeout)
	setDefault(&t.Kill, 2*time.Second)
	setDefault(&t.Drain, 30*time.Second)
	return t
}

// Announcement is the one line of JSON that the agent writes to its standard output, when the
// worker can be claimed or never will be.
type Announcement struct {
	State   string `json:"state"`             // faas.WorkerGeneric, or AnnouncedFailed
	Address string `json:"address,omitempty"` // where it listens, with the true port
	Version string `json:"version,omitempty"` // of the language, as the runtime reports it
	Message string `json:"message,omitempty"` // why it failed
}

// AnnouncedFailed is the state of an announcement that no worker comes of.
const AnnouncedFailed = "failed"

const maxConfig = 1 << 20 // bytes

// Read reads the configuration's line and nothing that follows it, fills what is missing and checks
// the rest.
func Read(r io.Reader) (Config, error) {
	var c Config
	if err := json.NewDecoder(io.LimitReader(r, maxConfig)).Decode(&c); err != nil {
		return c, fmt.Errorf("read configuration: %w", err)
	}
	c.Fill()
	return c, c.validate()
}

// Fill sets every field to its default that has one and is zero.
func (c *Config) Fill() {
	limits := faas.DefaultProcessLimits()
	setDefault(&c.Slots, faas.DefaultConcurrency)
	setDefault(&c.Limits.OpenFiles, limits.OpenFiles)
	setDefault(&c.Limits.Processes, limits.Processes)
	setDefault(&c.Limits.FileSize, limits.FileSize)
	setDefault(&c.Limits.Result, limits.Result)
	setDefault(&c.Limits.Log, limits.Log)
	setDefault(&c.Runtime.GID, c.Runtime.UID)
	c.Timeouts = c.Timeouts.WithDefaults()
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// minToken is the least length of a token, in bytes: a token that can be guessed protects nothing.
const minToken = 16

func (c *Config) validate() error {
	switch {
	case c.WorkerID == "":
		return errors.New("worker_id is missing")
	case len(c.Token) < minToken:
		return fmt.Errorf("token is shorter than %d bytes", minToken)
	case len(c.Runtime.Command) == 0 || !filepath.IsAbs(c.Runtime.Command[0]):
		return errors.New("runtime.command does not begin with an absolute path")
	case c.Runtime.UID < 0 || c.Runtime.GID < 0:
		return errors.New("runtime.uid or runtime.gid is negative")
	}
	return c.ValidateWorker()
}

// ValidateWorker checks what every agent needs, in a pod too: where it listens, its slots and its
// directories.
func (c *Config) ValidateWorker() error {
	network, address, _ := strings.Cut(c.Listen, ":")
	switch {
	case network != "unix" && network != "tcp" || address == "":
		return fmt.Errorf("listen %q is neither unix:/path nor tcp:host:port", c.Listen)
	case c.Slots < 1 || c.Slots > 1000:
		return fmt.Errorf("slots %d is not within 1 to 1000", c.Slots)
	}
	for name, dir := range map[string]string{"run_dir": c.RunDir, "code_dir": c.CodeDir, "home_dir": c.HomeDir} {
		if !filepath.IsAbs(dir) {
			return fmt.Errorf("%s %q is not absolute", name, dir)
		}
	}
	return nil
}
