package local

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// Config configures the orchestrator. Only Dir is required; each other field says what its zero
// value means.
type Config struct {
	Dir string // state: the secret and a record of each worker. Made 0700 when missing; one process at a time
	// RunDir holds what workers must reach: sockets, code, scratch space. "": a new folder, as root
	// of /var/cache, else of os.TempDir, /tmp or /var/tmp, the first that every user can pass
	// through. As root workers have a /tmp of their own unless RunDir is in /tmp or /var/tmp.
	RunDir string
	Agent  string // the faas-agent binary. "": the one beside this executable, else the one on PATH
	Secret []byte // what tokens are derived from. Empty: made at the first start and kept in Dir

	Interpreters map[string]string // by the runtime's name: the one interpreter to use. Missing: the usual places, in turn
	Slots        int               // calls that a worker runs at a time. 0: faas.DefaultConcurrency
	Processes    faas.ProcessLimits
	PoolCPU      int   // millicores that a worker may use before its function's own limit is set. 0: 1000
	PoolMemory   int64 // bytes, likewise. 0: 512 MiB
	Scratch      int64 // bytes that a worker may have in its home. 0: 1 GiB, as in a pod
	Users        Users // user ids for workers, when the service runs as root. Zero: 200000 to 265535
	// StartsAtOnce is how many workers start at the same time, so that calls keep some of the
	// processor. 0: half of the processors, at least 1.
	StartsAtOnce int

	StartTimeout time.Duration // how long a worker may take until it is warm. 0: 20 s
	Log          *slog.Logger  // nil: slog.Default
	Now          func() time.Time
}

// Users is an inclusive range of user ids. Each also serves as the group id of the same number. No
// account of the host may have one of them.
type Users struct {
	First, Last int
}

const (
	defaultPoolCPU      = 1000
	defaultPoolMemory   = 512 << 20
	defaultScratch      = 1 << 30
	defaultStartTimeout = 20 * time.Second
	agentBinary         = "faas-agent"
)

// withDefaults returns the configuration with its defaults filled in, or an error that says what is
// wrong with it.
func (c Config) withDefaults() (Config, error) {
	if c.Dir == "" {
		return c, errors.New("no state directory is configured")
	}
	var err error
	if c.Dir, err = filepath.Abs(c.Dir); err != nil {
		return c, fmt.Errorf("state directory: %w", err)
	}
	if c.Agent, err = findAgent(c.Agent); err != nil {
		return c, err
	}
	if c.Users == (Users{}) {
		c.Users = Users{First: 200000, Last: 265535}
	}
	if c.Users.First < 1 || c.Users.Last < c.Users.First {
		return c, fmt.Errorf("the range of user ids %d to %d is empty or includes root", c.Users.First, c.Users.Last)
	}
	c.Slots = cmp.Or(c.Slots, faas.DefaultConcurrency)
	c.PoolCPU = cmp.Or(c.PoolCPU, defaultPoolCPU)
	c.PoolMemory = cmp.Or(c.PoolMemory, defaultPoolMemory)
	c.Scratch = cmp.Or(c.Scratch, defaultScratch)
	c.StartsAtOnce = cmp.Or(c.StartsAtOnce, max(1, runtime.NumCPU()/2))
	c.StartTimeout = cmp.Or(c.StartTimeout, defaultStartTimeout)
	c.Processes = cmp.Or(c.Processes, faas.DefaultProcessLimits())
	c.Log = cmp.Or(c.Log, slog.Default())
	if c.Now == nil {
		c.Now = time.Now
	}
	return c, nil
}

// findAgent returns the absolute path of the agent's binary.
func findAgent(given string) (string, error) {
	if given != "" {
		return filepath.Abs(given)
	}
	if self, err := os.Executable(); err == nil {
		beside := filepath.Join(filepath.Dir(self), agentBinary)
		if info, err := os.Stat(beside); err == nil && info.Mode().IsRegular() {
			return beside, nil
		}
	}
	path, err := exec.LookPath(agentBinary)
	if err != nil {
		return "", fmt.Errorf("no %s beside this program or on PATH: %w", agentBinary, err)
	}
	return filepath.Abs(path)
}
