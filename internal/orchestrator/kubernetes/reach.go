package kubernetes

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/kubeclient"
	"github.com/openstack-faas/faas/internal/tunnel"
	"github.com/openstack-faas/faas/internal/workertls"
)

// GatewayName names the gateway's Deployment, Service, account and pods in the workers' namespace.
const GatewayName = "faas-gateway"

// GatewaySecret holds who gateways are, and whose requests they take. An engine makes it.
const GatewaySecret = "faas-gateway-identity"

// Gateway says that workers are reached through the cluster's gateway rather than directly.
type Gateway struct {
	// Addresses are its ways in, host:port. Nil: they are found by its Service.
	Addresses []string
	keys      *tunnel.Keys
	workers   []byte // the certificate of the authority of workers, as PEM
}

const (
	// findEvery is how often the gateway's addresses are looked at.
	findEvery = 10 * time.Second
	// identityEvery is how often its certificate is looked at.
	identityEvery = time.Hour
	// maxGateways bounds the addresses that a worker's has: each more is one more to try.
	maxGateways = 3
)

// gatewayKeeper keeps the gateway's identity, and where it is.
type gatewayKeeper struct {
	*cluster
	state *state

	identity, address atomic.Pointer[problem] // nil: none
}

// follow keeps the gateway's identity and its addresses until the orchestrator is closed.
// ctx bounds the first look.
func (g *gatewayKeeper) follow(ctx context.Context) {
	if g.cfg.Gateway == nil {
		return
	}
	first, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	g.keepIdentity(first)
	g.findGateway(first)
	g.wait.Go(func() {
		kept := time.Now()
		g.every(findEvery, func(now time.Time) {
			looking, cancel := context.WithTimeout(g.ctx, attemptTimeout)
			defer cancel()
			if g.identity.Load() != nil || now.Sub(kept) >= identityEvery {
				g.keepIdentity(looking)
				kept = now
			}
			g.findGateway(looking)
		})
	})
}

// problem is why something does not work, for health checks.
type problem struct{ err error }

// note stores what is wrong, nil for nothing, and logs it when it changes.
func (g *gatewayKeeper) note(what string, at interface {
	Load() *problem
	Store(*problem)
}, err error,
) {
	before := at.Load()
	switch {
	case g.closed():
	case err == nil:
		if before != nil {
			g.log.Info("the gateway is well again", "part", what)
		}
		at.Store(nil)
	case before == nil || before.err.Error() != err.Error():
		g.log.Error("workers are to be reached through a gateway, and it is not well", "part", what, "error", err)
		at.Store(&problem{err})
	}
}

func (g *gatewayKeeper) keepIdentity(ctx context.Context) {
	g.note("identity", &g.identity, g.applyIdentity(ctx, time.Now()))
}

// applyIdentity makes the gateway's Secret, or replaces it when its certificate nears its end or is
// of another authority than ours.
func (g *gatewayKeeper) applyIdentity(ctx context.Context, now time.Time) error {
	keys := g.cfg.Gateway.keys
	has, err := g.secrets().Get(ctx, GatewaySecret, metav1.GetOptions{})
	missing := apierrors.IsNotFound(err)
	switch {
	case err != nil && !missing:
		return fmt.Errorf("secret %s: %w", GatewaySecret, err)
	case !missing && string(has.Data[tunnel.CallersFile]) == keys.Public() &&
		bytes.Equal(has.Data[tunnel.WorkersFile], g.cfg.Gateway.workers) &&
		keys.Fresh(has.Data[tunnel.CertificateFile], has.Data[tunnel.KeyFile], now):
		return nil
	}
	certificate, key, err := keys.Issue(now)
	if err != nil {
		return err
	}
	data := map[string][]byte{
		tunnel.CertificateFile: certificate, tunnel.KeyFile: key, tunnel.CallersFile: []byte(keys.Public()),
		tunnel.WorkersFile: g.cfg.Gateway.workers,
	}
	if missing {
		_, err = g.secrets().Create(ctx, &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{
				Name: GatewaySecret, Namespace: g.cfg.Namespace, Labels: map[string]string{labelName: GatewayName},
			},
			Data: data,
		}, metav1.CreateOptions{})
	} else {
		has.Data = data
		_, err = g.secrets().Update(ctx, has, metav1.UpdateOptions{})
	}
	if apierrors.IsAlreadyExists(err) || apierrors.IsConflict(err) { // another engine was first
		return nil
	}
	if err == nil {
		g.log.Info("the gateway has a new certificate", "secret", GatewaySecret)
	}
	return err
}

// findGateway finds the addresses, and tells them to all who have workers. While there are none,
// the last known stay.
func (g *gatewayKeeper) findGateway(ctx context.Context) {
	addresses, err := g.cfg.Gateway.Addresses, error(nil)
	if addresses == nil {
		addresses, err = GatewayAddresses(ctx, g.client, g.cfg.Namespace)
	}
	g.note("address", &g.address, err)
	if err == nil && g.state.setGateways(addresses) {
		g.log.Info("workers are reached through the gateway", "addresses", addresses)
	}
}

// GatewayAddresses returns the host:port of each way into the cluster's gateway, by its Service: of
// the load balancer, or of the nodes that gateways are on.
func GatewayAddresses(ctx context.Context, client kubeclient.Client, namespace string) ([]string, error) {
	service, err := client.Services(namespace).Get(ctx, GatewayName, metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("service %s: %w", GatewayName, err)
	}
	if len(service.Spec.Ports) == 0 {
		return nil, fmt.Errorf("service %s has no port", GatewayName)
	}
	port := service.Spec.Ports[0]
	var hosts []string
	at := port.Port
	switch service.Spec.Type {
	case corev1.ServiceTypeLoadBalancer:
		for _, one := range service.Status.LoadBalancer.Ingress {
			if host := one.IP + one.Hostname; host != "" { // it is one of the two
				hosts = append(hosts, host)
			}
		}
	case corev1.ServiceTypeNodePort:
		at = port.NodePort
		if hosts, err = gatewayNodes(ctx, client, namespace); err != nil {
			return nil, err
		}
	default:
		return nil, fmt.Errorf("service %s is of type %s: make it a NodePort or a LoadBalancer, or set gateway_url",
			GatewayName, service.Spec.Type)
	}
	if len(hosts) == 0 {
		return nil, fmt.Errorf("service %s has no address yet: no gateway is ready, or no load balancer", GatewayName)
	}
	slices.Sort(hosts)
	hosts = slices.Compact(hosts)
	var addresses []string
	for _, host := range hosts[:min(len(hosts), maxGateways)] {
		addresses = append(addresses, net.JoinHostPort(host, strconv.Itoa(int(at))))
	}
	return addresses, nil
}

// gatewayNodes returns the addresses of the nodes that have a gateway which is ready.
func gatewayNodes(ctx context.Context, client kubeclient.Client, namespace string) (hosts []string, err error) {
	pods, err := client.Pods(namespace).List(ctx, metav1.ListOptions{
		LabelSelector: labelName + "=" + GatewayName, Limit: 100,
	})
	if err != nil {
		return nil, fmt.Errorf("pods of %s: %w", GatewayName, err)
	}
	for i := range pods.Items {
		pod := &pods.Items[i]
		if _, err := netip.ParseAddr(pod.Status.HostIP); err == nil && pod.DeletionTimestamp == nil && isReady(pod) {
			hosts = append(hosts, pod.Status.HostIP)
		}
	}
	return hosts, nil
}

// problem says what keeps workers from being reached; nil for nothing.
func (g *gatewayKeeper) problem() error {
	var all []error
	for _, p := range []*problem{g.identity.Load(), g.address.Load()} {
		if p != nil {
			all = append(all, p.err)
		}
	}
	if len(all) == 0 {
		return nil
	}
	return fmt.Errorf("the gateway to workers: %w", errors.Join(all...))
}

// prepared derives the keys of the service's secret.
func (g *Gateway) prepared(key faas.WorkerKey) (*Gateway, error) {
	if g == nil {
		return nil, nil //nolint:nilnil // workers are reached directly
	}
	keys, err := tunnel.NewKeys(key)
	if err != nil {
		return nil, err
	}
	workers, err := workertls.NewAuthority(key)
	if err != nil {
		return nil, err
	}
	return &Gateway{Addresses: g.Addresses, keys: keys, workers: workers.PEM()}, nil
}
