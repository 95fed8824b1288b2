package kubernetes

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/client-go/rest"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/seal"
)

// Config configures the orchestrator. Namespace, AgentImage and Key are required; each other field
// says what its zero value means.
type Config struct {
	// Cluster names this cluster where there are several, so that names of pods are of one only.
	// "": it is the only one.
	Cluster    string
	Kubeconfig string // the file that says where the cluster is. "": this process runs in it, by its service account
	Access     Access // the way to the cluster in place of Kubeconfig; nil: by Kubeconfig. Close closes it
	Namespace  string // of the workers; it must exist. Nothing else should run in it
	QPS        int    // requests a second to the API server; twice as many in a burst. 0: 100

	AgentImage     string
	PullPolicy     corev1.PullPolicy // "": IfNotPresent
	PullSecrets    []string          // secrets of the namespace, for pools alone
	TrustedClass   string            // RuntimeClass of trusted runtimes. "": the cluster's default
	UntrustedClass string            // RuntimeClass of the others: gVisor, Kata. "": the cluster's default
	Nodes          Nodes

	// Transport wraps the transport to the cluster's API, for metrics. nil: it is used as it is.
	Transport func(http.RoundTripper) http.RoundTripper

	// Passwords opens those of private registries that functions' images come from. nil: such images
	// cannot be pulled.
	Passwords *seal.Passwords
	// Variables opens the secrets in the environment of functions' images. nil: functions that have
	// some are not run.
	Variables *seal.Variables

	Key   faas.WorkerKey     // what the workers' tokens come from
	TLS   faas.TLS           // whether agents speak TLS. Those that are reached through a gateway do not
	Slots int                // calls that a worker runs at a time. 0: faas.DefaultConcurrency
	Limit faas.ProcessLimits // a zero field: its default
	Drain time.Duration      // how long the calls of a worker may go on that Kubernetes ends. 0: 30 s

	Ceiling Resources // what a worker may use until its function's own limits are set. Zero: 2 cores, 512 MiB
	Request Resources // what the scheduler sets aside for a worker beside its agent's share. Zero: 20 millicores, 32 MiB
	Scratch int64     // bytes of a worker's /tmp. 0: 1 GiB

	Network Network
	Gateway *Gateway // through which APIs and engines reach workers. nil: they do so directly

	Progress time.Duration // how long a pool's first worker may take to come up. 0: 2 min
	Log      *slog.Logger  // nil: slog.Default
}

// Access is a way to a cluster that changes while it is used: certificates are renewed.
type Access interface {
	// REST returns the configuration of a client, which stays good.
	REST() *rest.Config
	// Problem says what keeps the way from staying good; nil for nothing.
	Problem() error
	Close()
}

// Resources are amounts of CPU and memory.
type Resources struct {
	CPU    int64 // millicores
	Memory int64 // bytes
}

// withDefaults returns the configuration with its defaults filled in, or an error that says what is
// wrong with it.
func (c Config) withDefaults() (Config, error) {
	if wrong := validation.ValidateNamespaceName(c.Namespace, false); len(wrong) > 0 {
		return c, fmt.Errorf("the namespace %q: %s", c.Namespace, wrong[0])
	}
	if c.AgentImage == "" {
		return c, errors.New("[kubernetes] agent_image must be set")
	}
	c.QPS = cmp.Or(c.QPS, 100)
	c.PullPolicy = cmp.Or(c.PullPolicy, corev1.PullIfNotPresent)
	c.Slots = cmp.Or(c.Slots, faas.DefaultConcurrency)
	c.Limit = filled(c.Limit)
	c.Drain = cmp.Or(c.Drain, 30*time.Second)
	c.Ceiling.CPU, c.Ceiling.Memory = cmp.Or(c.Ceiling.CPU, 2000), cmp.Or(c.Ceiling.Memory, 512<<20)
	c.Request.CPU, c.Request.Memory = cmp.Or(c.Request.CPU, 20), cmp.Or(c.Request.Memory, 32<<20)
	c.Scratch = cmp.Or(c.Scratch, 1<<30)
	c.Progress = cmp.Or(c.Progress, 2*time.Minute)
	c.Log = cmp.Or(c.Log, slog.Default())
	var err error
	if c.Gateway, err = c.Gateway.prepared(c.Key); err != nil {
		return c, err
	}
	return c, c.validate()
}

func filled(limits faas.ProcessLimits) faas.ProcessLimits {
	def := faas.DefaultProcessLimits()
	return faas.ProcessLimits{
		OpenFiles: cmp.Or(limits.OpenFiles, def.OpenFiles), Processes: cmp.Or(limits.Processes, def.Processes),
		FileSize: cmp.Or(limits.FileSize, def.FileSize),
		Result:   cmp.Or(limits.Result, def.Result), Log: cmp.Or(limits.Log, def.Log),
	}
}

func (c Config) validate() error {
	if c.Request.CPU > c.Ceiling.CPU || c.Request.Memory > c.Ceiling.Memory {
		return errors.New("the requests of workers must not be more than their ceiling")
	}
	for name, blocks := range map[string][]string{
		"allow": c.Network.Allow, "deny": c.Network.Deny, "from": c.Network.From,
	} {
		for _, block := range blocks {
			if prefix, err := netip.ParsePrefix(block); err != nil || prefix.Masked() != prefix {
				return fmt.Errorf("network: %s: %q must be an address block, as in 10.0.0.0/8", name, block)
			}
		}
	}
	for _, resolver := range c.Network.Resolvers {
		if _, err := netip.ParseAddr(resolver); err != nil {
			return fmt.Errorf("network: resolvers: %q must be an IP address", resolver)
		}
	}
	return nil
}
