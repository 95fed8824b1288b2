package local

import (
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

// Config is what the orchestrator needs to know. Only Dir must be given; what a zero value means stands at each field.
type Config struct {
	Dir    string // state: the secret and a record of each worker. Made 0700 when missing; one process at a time
	RunDir string // what workers must reach: sockets, code, scratch space. "": below Dir, or a fresh folder of os.TempDir where Dir's own path lets no other user through
	Agent  string // the faas-agent binary. "": the one beside this executable, else the one on PATH
	Secret []byte // what tokens are derived from. Empty: made at the first start and kept in Dir

	Interpreters map[string]string // by the runtime's name: the one interpreter to use. Missing: the usual places, in turn
	Slots        int               // calls that a worker runs at a time. 0: faas.DefaultConcurrency
	Processes    faas.ProcessLimits
	PoolCPU      int   // millicores that a worker may use before its function's own limit is set. 0: 1000
	PoolMemory   int64 // bytes, likewise. 0: 512 MiB
	Users        Users // user ids for workers, when the service runs as root. Zero: 200000 to 265535
	StartsAtOnce int   // workers that start at the same time, so that calls keep some of the processor. 0: half of the processors, at least 1

	StartTimeout time.Duration // how long a worker may take until it is warm. 0: 20 s
	Log          *slog.Logger  // nil: slog.Default
	Now          func() time.Time
}

// Users is an inclusive range of user ids, each of which serves as the group id of the same number too. No account may have one.
type Users struct {
	First, Last int
}

const (
	defaultPoolCPU      = 1000
	defaultPoolMemory   = 512 << 20
	defaultStartTimeout = 20 * time.Second
	agentBinary         = "faas-agent"
)

// withDefaults gives the configuration with every gap filled, or what is wrong with it.
func (c Config) withDefaults() (Config, error) {
	if c.Dir == "" {
		return c, errors.New("no state directory is given")
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
		return c, fmt.Errorf("the range of user ids %d to %d is empty or holds root", c.Users.First, c.Users.Last)
	}
	c.Slots = orElse(c.Slots, faas.DefaultConcurrency)
	c.PoolCPU = orElse(c.PoolCPU, defaultPoolCPU)
	c.PoolMemory = orElse(c.PoolMemory, defaultPoolMemory)
	c.StartsAtOnce = orElse(c.StartsAtOnce, max(1, runtime.NumCPU()/2))
	c.StartTimeout = orElse(c.StartTimeout, defaultStartTimeout)
	c.Processes = orElse(c.Processes, faas.DefaultProcessLimits())
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c, nil
}

func orElse[T comparable](given, fallback T) T {
	var zero T
	if given == zero {
		return fallback
	}
	return given
}

// findAgent gives the absolute path of the agent's binary.
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
