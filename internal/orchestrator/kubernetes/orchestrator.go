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

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/kubeclient"
	"github.com/openstack-faas/faas/internal/orchestrator"
)

// Orchestrator implements orchestrator.Orchestrator with pods. It is safe for concurrent use. Its
// methods are those of its parts, which know one another only as far as their fields say, and what
// it does itself.
type Orchestrator struct {
	*cluster
	*state // of workers and pools

	*pools
	*claims
	*removals
	*imageCalls
	*servers
	*functionSecrets
	*voucher
	*introducer
	*nodeSeeker
	*bell // nil in tests without an API server

	policies *policies
	gateway  *gatewayKeeper
	listener *listener
	sweeper  *sweeper
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

// Problem says what keeps workers from being reached through their gateway, or will keep the
// cluster's API from answering if nobody does anything; nil for nothing.
func (o *Orchestrator) Problem() error {
	err := o.gateway.problem()
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
	c, known, calls := newCluster(cfg, client), newState(), &callPods{}
	if cfg.Gateway != nil {
		known.gateways = []string{}
	}
	network := &policies{cluster: c}
	ends := &removals{cluster: c, state: known, under: map[string]*removal{}}
	resizes := &resizer{cluster: c, state: known}
	secrets, makes := &functionSecrets{c}, &imagePods{c}
	nodes := &nodeSeeker{cluster: c, state: known, calls: calls}
	return &Orchestrator{
		cluster: c,
		state:   known,

		pools:      &pools{cluster: c, state: known, policies: network, removals: ends},
		claims:     &claims{cluster: c, state: known, policies: network, removals: ends, resizer: resizes},
		removals:   ends,
		imageCalls: &imageCalls{cluster: c, policies: network, removals: ends, secrets: secrets, makes: makes, calls: calls},
		servers: &servers{
			cluster: c, state: known, policies: network, removals: ends, secrets: secrets, makes: makes,
		},
		functionSecrets: secrets,
		voucher:         &voucher{cluster: c, state: known},
		introducer:      &introducer{cluster: c, state: known, removals: ends},
		nodeSeeker:      nodes,

		policies: network,
		gateway:  &gatewayKeeper{cluster: c, state: known},
		listener: &listener{cluster: c, state: known, calls: calls, policies: network, removals: ends},
		sweeper:  &sweeper{cluster: c, state: known, calls: calls, removals: ends, nodes: nodes},
	}
}

func start(ctx context.Context, cfg Config, client kubeclient.Client) (*Orchestrator, error) {
	o := newOrchestrator(cfg, client)
	_, err := o.policies.ensure(ctx)
	if err == nil {
		o.gateway.follow(ctx)
		err = o.listener.listen(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, o.Close())
	}
	o.wait.Go(func() { o.every(sweepEvery, o.sweeper.sweepPods) })
	for _, line := range o.Describe() {
		o.log.Info("limits of workers here: " + line)
	}
	return o, nil
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
