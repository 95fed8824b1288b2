// Package kubernetes runs workers as pods. Each runtime has a Deployment of generic, confined
// workers. Kubernetes starts, replaces and isolates them; this package defines them, watches them,
// and sets the labels and limits of a function on the worker that was claimed for it.
//
// Workers outlive this process, and several engines may manage the same ones. All that they must
// agree on is in the cluster: there is no other record.
//
// It needs these rights in the namespace: get, list, watch, create, patch and delete pods; get
// pods/log; patch pods/resize; list events; get, list, watch, create, update, patch and delete
// deployments; get, list, watch, create and update networkpolicies; get, list, create, update and
// delete secrets; get services. Where agents speak TLS, it also needs to create tokenreviews, which
// are the cluster's.
package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/kubeclient"
	"github.com/openstack-faas/faas/internal/orchestrator"
)

// Orchestrator implements orchestrator.Orchestrator with pods. It is safe for concurrent use.
type Orchestrator struct {
	cfg    Config
	log    *slog.Logger
	client kubeclient.Client
	bell   *bell // of the API server, to ask whether it is there; nil in tests without one
	*state
	calls callPods

	identityProblem, addressProblem atomic.Pointer[problem] // of the gateway; nil: none
	vouchProblem                    atomic.Pointer[problem] // why workers cannot be known; nil: nothing

	noResize      atomic.Bool // the cluster knows no way to change the limits of a running pod
	resizeRefused atomic.Bool // it has been logged that the cluster refuses to change some

	nodelessTold string // what was logged last of pods without a node; of the sweep alone

	ctx  context.Context // ends with Close
	stop context.CancelFunc
	wait sync.WaitGroup // for informers and removals

	removing sync.Mutex
	removals map[string]*removal // by worker id: those under way
}

var (
	_ orchestrator.Orchestrator = (*Orchestrator)(nil)
	_ orchestrator.Images       = (*Orchestrator)(nil)
	_ orchestrator.NodeSeeker   = (*Orchestrator)(nil)
)

// New creates the workers' network policy, if there is none, and lists the workers. ctx bounds only
// that; while the API server does not answer, it is tried again.
func New(ctx context.Context, cfg Config) (*Orchestrator, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("kubernetes: %w", err)
	}
	client, err := connect(cfg)
	if err != nil {
		return nil, fmt.Errorf("kubernetes: %w", err)
	}
	bell, err := newBell(cfg)
	if err != nil {
		return nil, fmt.Errorf("kubernetes: %w", err)
	}
	o, err := start(ctx, cfg, client)
	if err != nil {
		return nil, fmt.Errorf("kubernetes: %w", err)
	}
	o.bell = bell
	return o, nil
}

// connect returns a client; it does not send a request yet.
func connect(cfg Config) (kubeclient.Client, error) {
	access, err := restConfig(cfg)
	if err != nil {
		return nil, err
	}
	access.QPS, access.Burst = float32(cfg.QPS), 2*cfg.QPS
	access.UserAgent = "openstack-faas"
	if cfg.Transport != nil {
		access.Wrap(cfg.Transport)
	}
	return kubeclient.New(access)
}

func restConfig(cfg Config) (*rest.Config, error) {
	switch {
	case cfg.Access != nil:
		return cfg.Access.REST(), nil
	case cfg.Kubeconfig == "":
		return rest.InClusterConfig()
	}
	return clientcmd.BuildConfigFromFlags("", cfg.Kubeconfig)
}

// Problem says what keeps workers from being reached through their gateway, or will keep the
// cluster's API from answering if nobody does anything; nil for nothing.
func (o *Orchestrator) Problem() error {
	err := o.gatewayProblem()
	if vouching := o.vouchProblem.Load(); vouching != nil {
		err = errors.Join(err, vouching.err)
	}
	if o.cfg.Access != nil {
		err = errors.Join(o.cfg.Access.Problem(), err)
	}
	return err
}

// newOrchestrator returns an orchestrator that does not listen to the cluster yet.
func newOrchestrator(cfg Config, client kubeclient.Client) *Orchestrator {
	o := &Orchestrator{cfg: cfg, log: cfg.Log, client: client, state: newState(), removals: map[string]*removal{}}
	o.ctx, o.stop = context.WithCancel(context.Background())
	if cfg.Gateway != nil {
		o.gateways = []string{}
	}
	return o
}

func start(ctx context.Context, cfg Config, client kubeclient.Client) (*Orchestrator, error) {
	o := newOrchestrator(cfg, client)
	_, err := o.ensurePolicy(ctx)
	if err == nil {
		o.followGateway(ctx)
		err = o.listen(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, o.Close())
	}
	o.wait.Go(func() { o.every(sweepEvery, o.sweepPods) })
	for _, line := range o.Describe() {
		o.log.Info("limits of workers here: " + line)
	}
	return o, nil
}

func (o *Orchestrator) pods() kubeclient.Pods { return o.client.Pods(o.cfg.Namespace) }

func (o *Orchestrator) deployments() kubeclient.Deployments {
	return o.client.Deployments(o.cfg.Namespace)
}

// Workers returns a copy of every worker known now.
func (o *Orchestrator) Workers() []faas.Worker { return o.feed.Workers() }

// Watch delivers the workers, then their changes, until ctx or the orchestrator ends.
func (o *Orchestrator) Watch(ctx context.Context) <-chan []orchestrator.Change {
	return o.feed.Watch(ctx)
}

// Events delivers what changes with workers from now until ctx or the orchestrator ends.
func (o *Orchestrator) Events(ctx context.Context) <-chan orchestrator.Event {
	return o.events.Subscribe(ctx)
}

// Token returns the secret that the worker's agent demands.
func (o *Orchestrator) Token(workerID string) string { return o.cfg.Key.Token(workerID) }

// Describe says of each limit how it is enforced.
func (o *Orchestrator) Describe() []string {
	limits := o.cfg.Limit
	class := func(name string) string {
		if name == "" {
			return "the cluster's default runtime class"
		}
		return "runtime class " + name
	}
	return []string{
		"memory: a function's memory_size beside its warm runtime's own, by the container's limit, " +
			"changed in place once the worker is the function's",
		"cpu: a function's cpu, by the container's limit, changed likewise",
		"processes: as many, threads too, as the kubelet's podPidsLimit says: " +
			"without one a function can use up all of its node",
		fmt.Sprintf("open files: %d in each process, by rlimit", limits.OpenFiles),
		fmt.Sprintf("file size: %d bytes for each file, by rlimit; %d bytes for all of /tmp, by the kubelet",
			limits.FileSize, o.cfg.Scratch),
		"timeout: by the agent, which kills the call's process",
		"user: a pod for each worker, without root, capabilities or writable root file system; trusted runtimes in " +
			class(o.cfg.TrustedClass) + ", others in " + class(o.cfg.UntrustedClass),
		"network: by network policy " + o.cfg.Namespace + "/" + policyName + ", if the cluster's network enforces those",
	}
}

// Close stops listening to the cluster and waits for what is under way. Pods stay.
func (o *Orchestrator) Close() error {
	o.stop()
	o.wait.Wait()
	o.events.Close()
	o.feed.Close()
	if o.cfg.Access != nil {
		o.cfg.Access.Close()
	}
	return nil
}

// within returns a context that ends with ctx or with the orchestrator; then errClosed is its
// cause.
func (o *Orchestrator) within(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	release := context.AfterFunc(o.ctx, func() { cancel(errClosed()) })
	return ctx, func() {
		release()
		cancel(nil)
	}
}

func (o *Orchestrator) closed() bool { return o.ctx.Err() != nil }

func errClosed() error { return faas.Errorf(faas.Unavailable, "The service is stopping.") }
