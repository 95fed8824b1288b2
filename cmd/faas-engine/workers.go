package main

import (
	"context"
	"fmt"
	"log/slog"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/klog/v2"

	"github.com/openstack-faas/faas/cmd/internal/nodes"
	"github.com/openstack-faas/faas/cmd/internal/service"
	"github.com/openstack-faas/faas/internal/clustergrowth"
	"github.com/openstack-faas/faas/internal/config"
	"github.com/openstack-faas/faas/internal/dispatch"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/kubeclient"
	"github.com/openstack-faas/faas/internal/orchestrator"
	"github.com/openstack-faas/faas/internal/orchestrator/kubernetes"
	"github.com/openstack-faas/faas/internal/orchestrator/several"
	"github.com/openstack-faas/faas/internal/seal"
)

// newWorkers connects to the cluster, or the clusters, that the workers are in.
func newWorkers(
	ctx context.Context, parts service.Parts, conf *config.EngineService, health *service.EngineHealth,
	log *slog.Logger,
) (orchestrator.Orchestrator, error) {
	o, err := newOpener(parts, conf, health)
	if err != nil {
		return nil, err
	}
	klog.SetSlogLogger(log) // client-go's own words go where ours do
	if len(conf.Several) > 0 {
		return o.openSeveral(ctx, log)
	}
	one, err := o.open(ctx, conf.Kubernetes, log)
	if err != nil {
		return nil, err // not one, which would be an interface that is not nil
	}
	return one, nil
}

// opener opens clusters: it has what all of them share.
type opener struct {
	parts     service.Parts
	conf      *config.EngineService
	health    *service.EngineHealth
	key       faas.WorkerKey
	passwords *seal.Passwords
	variables *seal.Variables
}

func newOpener(
	parts service.Parts, conf *config.EngineService, health *service.EngineHealth,
) (o opener, err error) {
	o = opener{parts: parts, conf: conf, health: health}
	if o.key, err = faas.NewWorkerKey(conf.Worker.TokenSecret); err != nil {
		return opener{}, err
	}
	if o.passwords, err = service.RegistryPasswords(conf.Worker); err != nil {
		return opener{}, err
	}
	o.variables, err = service.FunctionVariables(conf.Service)
	return o, err
}

// open connects to one cluster.
func (o opener) open(ctx context.Context, k config.Kubernetes, log *slog.Logger) (*kubernetes.Orchestrator, error) {
	on, err := nodes.Of(k)
	if err != nil {
		return nil, err
	}
	access, err := accessTo(ctx, k, o.conf.Auth, o.parts.Name, log)
	if err != nil {
		return nil, err
	}
	through, err := gatewayTo(k)
	if err != nil {
		return nil, err
	}
	one, err := kubernetes.New(ctx, kubernetes.Config{
		Cluster: k.Name, Access: access, Kubeconfig: k.Config, Transport: o.parts.KubernetesTransport,
		Namespace: k.Namespace, QPS: k.QPS,
		AgentImage: k.AgentImage, PullPolicy: corev1.PullPolicy(k.PullPolicy), PullSecrets: k.PullSecrets,
		TrustedClass: k.TrustedClass, UntrustedClass: k.UntrustedClass, Nodes: on,
		Passwords: o.passwords, Variables: o.variables, Key: o.key, TLS: tlsOf(k),
		Slots: o.conf.Engine.Concurrency, Limit: o.conf.Worker.Process(),
		Ceiling: kubernetes.Resources{CPU: k.CeilingCPU, Memory: k.CeilingMemory},
		Request: kubernetes.Resources{CPU: k.RequestCPU, Memory: k.RequestMemory},
		Network: kubernetes.Network{
			Deny: k.EgressDeny, Allow: k.EgressAllow, Resolvers: k.Resolvers, From: k.IngressFrom,
		},
		Gateway: through, Progress: k.ProgressTimeout, Log: log,
	})
	if err != nil {
		return nil, notOpened(access, err)
	}
	o.health.Watch(k.Name, one.Problem)
	one.Register(o.parts.Registry)
	return one, nil
}

// openSeveral has all clusters of the configuration side by side.
func (o opener) openSeveral(ctx context.Context, log *slog.Logger) (orchestrator.Orchestrator, error) {
	gateways, err := service.Gateways(o.conf.Worker)
	if err != nil {
		return nil, err
	}
	client := dispatch.NewClient(o.key.Token)
	client.Through(gateways)
	authority, err := service.Authority(o.conf.Worker)
	if err != nil {
		return nil, err
	}
	if authority != nil {
		client.Secure(authority, nil) // the engine's own client introduces workers
	}
	all := several.Config{Token: o.key.Token, Probe: client.Probe, Log: log}
	for _, k := range o.conf.Several {
		labels, err := k.LabelMap()
		if err != nil {
			return nil, err
		}
		all.Clusters = append(all.Clusters, several.Cluster{
			Name: k.Name, Labels: labels, Weight: k.Weight, Reserved: k.Reserved,
			Open: func(ctx context.Context) (several.Member, error) {
				one, err := o.open(ctx, k, log.With("cluster", k.Name))
				if err != nil {
					return nil, err
				}
				return one, nil
			},
		})
	}
	together, err := several.New(ctx, all)
	if err != nil {
		return nil, err
	}
	together.Register(o.parts.Registry)
	return together, nil
}

// gatewayTo returns the gateway through which workers of the cluster are reached, nil for none.
func gatewayTo(k config.Kubernetes) (*kubernetes.Gateway, error) {
	if k.Reach != "gateway" {
		return nil, nil //nolint:nilnil // there is none
	}
	addresses, err := k.GatewayAddresses()
	return &kubernetes.Gateway{Addresses: addresses}, err
}

// tlsOf returns whether agents of the cluster speak TLS.
func tlsOf(k config.Kubernetes) faas.TLS {
	if k.WorkerTLS == "off" {
		return faas.TLSNever
	}
	return faas.TLS(k.WorkerTLS)
}

// accessTo returns the way to a cluster of Magnum's, nil for one that is named otherwise.
func accessTo(
	ctx context.Context, k config.Kubernetes, auth config.Authtoken, name string, log *slog.Logger,
) (kubernetes.Access, error) {
	access, err := service.MagnumAccess(ctx, k, auth, service.ClusterUser, service.ClusterGroup, log)
	if err != nil || access == nil {
		return nil, err // not a nil *Access in an interface
	}
	if k.MagnumMaxNodes == 0 {
		return access, nil
	}
	grows, err := grow(access, k, auth, name, log)
	if err != nil {
		access.Close()
		return nil, err
	}
	return growing{access, grows}, nil
}

// grow has the cluster grow and shrink with the workers.
func grow(
	access kubernetes.Access, k config.Kubernetes, auth config.Authtoken, name string, log *slog.Logger,
) (*clustergrowth.Growth, error) {
	client, err := kubeclient.New(access.REST())
	if err != nil {
		return nil, err
	}
	magnum, err := service.MagnumClient(k, auth, log)
	if err != nil {
		return nil, err
	}
	return clustergrowth.Start(clustergrowth.Config{
		Magnum: magnum, Cluster: k.Magnum, Group: k.MagnumGroup, Min: k.MagnumMinNodes, Max: k.MagnumMaxNodes,
		Client: client, Namespace: k.Namespace, Selector: kubernetes.WorkerSelector, Name: name,
		Idle: k.MagnumIdleTime, Log: log,
	}), nil
}

// growing is the way to a cluster that grows until the way is closed.
type growing struct {
	kubernetes.Access
	growth *clustergrowth.Growth
}

func (g growing) Close() {
	g.growth.Stop()
	g.Access.Close()
}

// notOpened closes the way to a cluster that could not be used, and says how the rights are made
// that are missing in one of Magnum's.
func notOpened(access kubernetes.Access, err error) error {
	if access == nil {
		return err
	}
	access.Close()
	if apierrors.IsForbidden(err) {
		return fmt.Errorf("%w: faas-manage cluster prepare makes the rights", err)
	}
	return err
}
