package agent

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// A worker that is a pod has two containers of different users, which share three volumes and the network:
//
//	agent    runs `faas-agent pod`; it listens on PodPort and is told PodConfig by EnvConfig. It holds no secret.
//	runtime  is the runtime's image; its entrypoint is `faas-agent runtime -- COMMAND…`, which is process 1 there: it awaits
//	         the agent's socket, sets the limits that the agent names, starts COMMAND, and ends what a call leaves behind.
//
// Where the volumes are, in both containers:
const (
	PodRunDir  = "/run/faas"           // in memory; the sockets and the pipes of the logs. The runtime mounts it read-only
	PodCodeDir = "/var/faas"           // the agent unpacks the function's code beneath it. The runtime mounts it read-only
	PodHomeDir = "/tmp"                // the runtime's alone, writable: HOME and TMPDIR
	PodBinary  = "/usr/bin/faas-agent" // in the images of agent and runtimes
)

// How a pod's agent is reached and told.
const (
	PodPort      = 8090
	PodReadyPath = "/healthz" // answers 200 without a token once the worker is warm, for the kubelet
	EnvConfig    = "FAAS_AGENT_CONFIG"
	EnvWorkerID  = "FAAS_WORKER_ID" // the pod's name, by the downward API
)

// The users of a pod's containers. They are the same in every pod: pods share no user-owned thing.
const (
	PodAgentUID   = 1001
	PodRuntimeUID = 1000
)

// PodConfig is what the agent of a pod is told, as JSON. All of it may be read by anyone who may read pods.
type PodConfig struct {
	TokenKey string             `json:"token_key"` // faas.WorkerKey.Public
	Slots    int                `json:"slots"`     // calls at a time; 0: faas.DefaultConcurrency
	Limits   faas.ProcessLimits `json:"limits"`    // a zero field: its default
	Waits    Waits              `json:"waits"`
	Server   *PodServer         `json:"server,omitempty"` // nil: the other container is a runtime

	// Where things are, if not where they are in every pod: for tests.
	RunDir  string `json:"run_dir,omitempty"`
	CodeDir string `json:"code_dir,omitempty"`
	HomeDir string `json:"home_dir,omitempty"`
	Listen  string `json:"listen,omitempty"`
}

// ReadPodConfig reads what the environment tells an agent of its pod, and takes it out of there.
func ReadPodConfig() (c PodConfig, workerID string, err error) {
	text, workerID := os.Getenv(EnvConfig), os.Getenv(EnvWorkerID)
	os.Unsetenv(EnvConfig)
	os.Unsetenv(EnvWorkerID)
	if workerID == "" {
		return c, "", fmt.Errorf("%s is not set", EnvWorkerID)
	}
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		return c, "", fmt.Errorf("read %s: %w", EnvConfig, err)
	}
	setDefault(&c.RunDir, PodRunDir)
	setDefault(&c.CodeDir, PodCodeDir)
	setDefault(&c.HomeDir, PodHomeDir)
	setDefault(&c.Listen, fmt.Sprintf("tcp::%d", PodPort))
	return c, workerID, nil
}

// podMark is the name, in the run directory, of the file that says that the worker was made a function's. The volume outlives a
// container that is started again.
const podMark = "specialised"

// NewPod makes the agent of a worker that is a pod; Run is its life.
func NewPod(p PodConfig, workerID string, log *slog.Logger, now func() time.Time) (*Agent, error) {
	checker, err := faas.NewTokenChecker(p.TokenKey, workerID)
	if err != nil {
		return nil, err
	}
	c := Config{
		WorkerID: workerID, Listen: p.Listen, Slots: p.Slots, Limits: p.Limits, Waits: p.Waits,
		RunDir: p.RunDir, CodeDir: p.CodeDir, HomeDir: p.HomeDir,
	}
	c.fill()
	if err := c.validatePlaces(); err != nil {
		return nil, err
	}
	a := newAgent(c, newSupervised(c.RunDir), &signedToken{checker: checker, now: now}, log, now)
	a.sharesNetwork = true
	a.mark = mark(filepath.Join(c.RunDir, podMark))
	return a, nil
}
