package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/kubeclient"
	"github.com/openstack-faas/faas/internal/tunnel"
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
}

const (
	// findEvery is how often the gateway's addresses are looked at.
	findEvery = 10 * time.Second
	// identityEvery is how often its certificate is looked at.
	identityEvery = time.Hour
	// maxGateways bounds the addresses that a worker's has: each more is one more to try.
	maxGateways = 3
)

// followGateway keeps the gateway's identity and its addresses until the orchestrator is closed.
// ctx bounds the first look.
func (o *Orchestrator) followGateway(ctx context.Context) {
	if o.cfg.Gateway == nil {
		return
	}
	first, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	o.keepIdentity(first)
	o.findGateway(first)
	o.wait.Go(func() {
		kept := time.Now()
		o.every(findEvery, func(now time.Time) {
			looking, cancel := context.WithTimeout(o.ctx, attemptTimeout)
			defer cancel()
			if o.identityProblem.Load() != nil || now.Sub(kept) >= identityEvery {
				o.keepIdentity(looking)
				kept = now
			}
			o.findGateway(looking)
		})
	})
}

// problem is why something does not work, for health checks.
type problem struct{ err error }

// note stores what is wrong, nil for nothing, and logs it when it changes.
func (o *Orchestrator) note(what string, at interface {
	Load() *problem
	Store(*problem)
}, err error,
) {
	before := at.Load()
	switch {
	case o.closed():
	case err == nil:
		if before != nil {
			o.log.Info("the gateway is well again", "part", what)
		}
		at.Store(nil)
	case before == nil || before.err.Error() != err.Error():
		o.log.Error("workers are to be reached through a gateway, and it is not well", "part", what, "error", err)
		at.Store(&problem{err})
	}
}

func (o *Orchestrator) keepIdentity(ctx context.Context) {
	o.note("identity", &o.identityProblem, o.applyIdentity(ctx, time.Now()))
}

// applyIdentity makes the gateway's Secret, or replaces it when its certificate nears its end or is
// of another authority than ours.
func (o *Orchestrator) applyIdentity(ctx context.Context, now time.Time) error {
	keys := o.cfg.Gateway.keys
	has, err := o.secrets().Get(ctx, GatewaySecret, metav1.GetOptions{})
	missing := apierrors.IsNotFound(err)
	switch {
	case err != nil && !missing:
		return fmt.Errorf("secret %s: %w", GatewaySecret, err)
	case !missing && string(has.Data[tunnel.CallersFile]) == keys.Public() &&
		keys.Fresh(has.Data[tunnel.CertificateFile], has.Data[tunnel.KeyFile], now):
		return nil
	}
	certificate, key, err := keys.Issue(now)
	if err != nil {
		return err
	}
	data := map[string][]byte{
		tunnel.CertificateFile: certificate, tunnel.KeyFile: key, tunnel.CallersFile: []byte(keys.Public()),
	}
	if missing {
		_, err = o.secrets().Create(ctx, &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{
				Name: GatewaySecret, Namespace: o.cfg.Namespace, Labels: map[string]string{labelName: GatewayName},
			},
			Data: data,
		}, metav1.CreateOptions{})
	} else {
		has.Data = data
		_, err = o.secrets().Update(ctx, has, metav1.UpdateOptions{})
	}
	if apierrors.IsAlreadyExists(err) || apierrors.IsConflict(err) { // another engine was first
		return nil
	}
	if err == nil {
		o.log.Info("the gateway has a new certificate", "secret", GatewaySecret)
	}
	return err
}

// findGateway finds the addresses, and tells them to all who have workers. While there are none,
// the last known stay.
func (o *Orchestrator) findGateway(ctx context.Context) {
	addresses, err := o.cfg.Gateway.Addresses, error(nil)
	if addresses == nil {
		addresses, err = GatewayAddresses(ctx, o.client, o.cfg.Namespace)
	}
	o.note("address", &o.addressProblem, err)
	if err == nil && o.setGateways(addresses) {
		o.log.Info("workers are reached through the gateway", "addresses", addresses)
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

// reached returns the address of a worker's agent as callers reach it; direct is the pod's own, ""
// while it has none. The lock is held.
func (s *state) reached(direct, workerID string) string {
	if direct == "" || s.gateways == nil {
		return direct
	}
	return tunnel.Target{Gateways: s.gateways, WorkerID: workerID}.Address()
}

// setGateways has the workers reached through other gateways from now on, and reports whether those
// are others than before.
func (s *state) setGateways(addresses []string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if slices.Equal(addresses, s.gateways) {
		return false
	}
	s.gateways = addresses
	for _, w := range s.workers {
		if w.gone {
			continue
		}
		w.Address = s.reached(w.Address, w.ID)
		s.feed.Set(w.Worker)
	}
	s.announce()
	return true
}

// gatewayProblem says what keeps workers from being reached; nil for nothing.
func (o *Orchestrator) gatewayProblem() error {
	var all []error
	for _, p := range []*problem{o.identityProblem.Load(), o.addressProblem.Load()} {
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
	return &Gateway{Addresses: g.Addresses, keys: keys}, err
}
