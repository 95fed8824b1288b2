// Package osc types commands of Debian's openstack client, python-qinlingclient within it, for
// tests. To start Python and to load the client takes a second and more, a command itself a few
// hundredths: one process, which is started with the first command, runs all of them.
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
}

// process is the Python process. It ends when this one does, with its standard input.
type process struct {
	mu      sync.Mutex
	in      *json.Encoder
	answers *bufio.Reader
}

var start = sync.OnceValues(func() (*process, error) {
	cmd := exec.Command("/usr/bin/python3", "-c", script) // Debian's interpreter, with Debian's packages
	cmd.Env = []string{"PATH=/usr/bin:/bin", "HOME=" + os.TempDir(), "LC_ALL=C.UTF-8", "PYTHONWARNINGS=ignore"}
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
})

// Run types a command in the folder, with the variables beside those that every command has. An
// error says that the client could not be run at all, or died of the command.
func Run(dir string, env map[string]string, args ...string) (Answer, error) {
	p, err := start()
	if err != nil {
		return Answer{}, fmt.Errorf("start the openstack client: %w", err)
	}
	all := map[string]string{"PATH": "/usr/bin:/bin", "HOME": dir, "LC_ALL": "C.UTF-8"}
	for name, value := range env {
		all[name] = value
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.in.Encode(command{Args: args, Env: all, Dir: dir}); err != nil {
		return Answer{}, fmt.Errorf("openstack %s: %w", strings.Join(args, " "), err)
	}
	line, err := p.answers.ReadBytes('\n')
	if err != nil {
		return Answer{}, fmt.Errorf("openstack %s: the client has died: %w", strings.Join(args, " "), err)
	}
	var a Answer
	if err := json.Unmarshal(line, &a); err != nil {
		return Answer{}, fmt.Errorf("openstack %s printed %q: %w", strings.Join(args, " "), line, err)
	}
	return a, nil
}
