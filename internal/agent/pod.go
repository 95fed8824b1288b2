package agent

import (
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
}
