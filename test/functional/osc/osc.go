// Package osc types commands of Debian's openstack client, python-qinlingclient within it, for
// tests. To start Python and to load the client takes a second and more, a command itself a few
// hundredths: one process, which is started with the first command, runs all of a Client's.
package osc

import (
	"bufio"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
)

//go:embed commands.py
var script string

// Answer is what a command did.
type Answer struct {
	Status int    `json:"status"` // exit status
	Out    string `json:"out"`    // standard output
	Err    string `json:"err"`    // standard error
}

// command is one command, as the script reads it.
type command struct {
	Args []string          `json:"args"`
	Env  map[string]string `json:"env"`
	Dir  string            `json:"dir"`
	In   *string           `json:"in"` // standard input; nil: it is closed
}

// Client is an installation of the openstack client. The zero Client is Debian's.
type Client struct {
	// Path is where Python looks for more than Debian has, as PYTHONPATH has it.
	Path string
	// Bare is set for a Python that finds nothing but what is in Path.
	Bare bool

	once    sync.Once
	process *process
	err     error // why it could not be started
}

var debian Client

// process is the Python process. It ends when this one does, with its standard input.
type process struct {
	mu      sync.Mutex
	in      *json.Encoder
	answers *bufio.Reader
}

func (c *Client) start() (*process, error) {
	cmd := exec.Command("/usr/bin/python3", "-c", script) //nolint:noctx // it ends with its standard input
	if c.Bare {
		cmd.Args = []string{cmd.Args[0], "-S", "-c", script}
	}
	cmd.Env = []string{"PATH=/usr/bin:/bin", "HOME=" + os.TempDir(), "LC_ALL=C.UTF-8", "PYTHONWARNINGS=ignore"}
	if c.Path != "" {
		cmd.Env = append(cmd.Env, "PYTHONPATH="+c.Path)
	}
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &process{in: json.NewEncoder(in), answers: bufio.NewReader(out)}, nil
}

// Run types a command of Debian's client in the folder, with the variables beside those that every
// command has. An error says that the client could not be run at all, or died of the command.
func Run(dir string, env map[string]string, args ...string) (Answer, error) {
	return debian.Run(nil, dir, env, args...)
}

// Run types a command with a standard input, nil for one that is closed.
func (c *Client) Run(in *string, dir string, env map[string]string, args ...string) (Answer, error) {
	c.once.Do(func() { c.process, c.err = c.start() })
	if c.err != nil {
		return Answer{}, fmt.Errorf("start the openstack client: %w", c.err)
	}
	all := map[string]string{"PATH": "/usr/bin:/bin", "HOME": dir, "LC_ALL": "C.UTF-8"}
	for name, value := range env {
		all[name] = value
	}
	answer, err := c.process.run(command{Args: args, Env: all, Dir: dir, In: in})
	if err != nil {
		return Answer{}, fmt.Errorf("openstack %s: %w", strings.Join(args, " "), err)
	}
	return answer, nil
}

func (p *process) run(c command) (a Answer, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.in.Encode(c); err != nil {
		return a, err
	}
	line, err := p.answers.ReadBytes('\n')
	if err != nil {
		return a, fmt.Errorf("the client has died: %w", err)
	}
	if err := json.Unmarshal(line, &a); err != nil {
		return a, fmt.Errorf("it printed %q: %w", line, err)
	}
	return a, nil
}
