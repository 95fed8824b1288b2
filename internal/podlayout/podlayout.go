// Package podlayout is the contract between who makes a worker's pod and the programs that run in
// it: where the volumes are mounted, which users the containers have, how the agent is reached and
// configured.
//
// A worker that is a pod has two containers of different users, which share three volumes and the
// network:
//
//	agent    runs `faas-agent pod`. It listens on Port and reads its Config from the variable
//	         EnvConfig. It holds no secret of the service's.
//	runtime  is the runtime's image. Its entrypoint is `faas-agent runtime -- COMMAND…`, process 1
//	         there: it waits for the agent's socket, sets the limits that the agent names, starts
//	         COMMAND and ends what a call leaves behind.
package podlayout

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/openstack-faas/faas/internal/agentconfig"
	"github.com/openstack-faas/faas/internal/faas"
)

// Where the volumes are, in both containers.
const (
	// RunDir is in memory and holds the sockets and the pipes of the logs. The runtime mounts it
	// read-only.
	RunDir = "/run/faas"
	// CodeDir holds the function's code, which the agent unpacks there. The runtime mounts it
	// read-only.
	CodeDir = "/var/faas"
	// HomeDir is the runtime's alone, writable: HOME and TMPDIR.
	HomeDir = "/tmp"
	// AgentBinary is in the images of agent and runtimes.
	AgentBinary = "/usr/bin/faas-agent"
	// IdentityDir is the agent's alone: Kubernetes keeps IdentityFile in it.
	IdentityDir = "/run/secrets/faas"
)

// IdentityFile is the name, in IdentityDir, of what the pod is known to Kubernetes by: a token of
// its service account, bound to the pod. It is for IdentityAudience and of no use at Kubernetes'
// API.
const (
	IdentityFile     = "identity"
	IdentityAudience = "faas-engine"
)

// How a pod's agent is reached and configured.
const (
	Port        = 8090
	ReadyPath   = "/healthz" // answers 200 without a token once the worker is warm, for the kubelet
	EnvConfig   = "FAAS_AGENT_CONFIG"
	EnvWorkerID = "FAAS_WORKER_ID" // the pod's name, by the downward API
)

// The users of a pod's containers. They are the same in every pod: pods share no user-owned thing.
const (
	AgentUID   = 1001
	RuntimeUID = 1000
)

// SpecialisedMark is the name, in RunDir, of the file that marks the worker as a function's own.
// The volume outlives a container that is started again.
const SpecialisedMark = "specialised"

// Config is what the agent of a pod is told, as JSON. Whoever may read pods may read all of it.
type Config struct {
	TokenKey string               `json:"token_key"` // faas.WorkerKey.Public
	Slots    int                  `json:"slots"`     // calls at a time; 0: faas.DefaultConcurrency
	Limits   faas.ProcessLimits   `json:"limits"`    // a zero field: its default
	Timeouts agentconfig.Timeouts `json:"waits"`
	Server   *Server              `json:"server,omitempty"` // nil: the other container is a runtime
	TLS      faas.TLS             `json:"tls,omitempty"`    // whether it speaks TLS, and nothing else

	// Where things are, if not where they are in every pod: for tests.
	RunDir  string `json:"run_dir,omitempty"`
	CodeDir string `json:"code_dir,omitempty"`
	HomeDir string `json:"home_dir,omitempty"`
	Proof   string `json:"proof,omitempty"`
	Listen  string `json:"listen,omitempty"`
}

// Server says that the worker's other container is not a runtime but a function's own HTTP server.
// The worker is that function's from its birth.
type Server struct {
	Port int      `json:"port"` // on which it listens, on any address that is also this container's
	Key  faas.Key `json:"key"`
}

// Read reads an agent's configuration and its worker's id from the environment, and removes both
// from there.
func Read() (c Config, workerID string, err error) {
	text, workerID := os.Getenv(EnvConfig), os.Getenv(EnvWorkerID)
	os.Unsetenv(EnvConfig)
	os.Unsetenv(EnvWorkerID)
	if workerID == "" {
		return c, "", fmt.Errorf("%s is not set", EnvWorkerID)
	}
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		return c, "", fmt.Errorf("read %s: %w", EnvConfig, err)
	}
	for field, value := range map[*string]string{
		&c.RunDir: RunDir, &c.CodeDir: CodeDir, &c.HomeDir: HomeDir, &c.Listen: fmt.Sprintf("tcp::%d", Port),
		&c.Proof: IdentityDir + "/" + IdentityFile,
	} {
		if *field == "" {
			*field = value
		}
	}
	return c, workerID, nil
}
