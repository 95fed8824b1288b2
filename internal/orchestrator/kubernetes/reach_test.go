package kubernetes

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/kubeclient/kubeclienttest"
	"github.com/openstack-faas/faas/internal/tunnel"
)

func gatewayPod(name, node string, ready bool) *corev1.Pod {
	status := corev1.ConditionFalse
	if ready {
		status = corev1.ConditionTrue
	}
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "faas", Labels: map[string]string{labelName: GatewayName}},
		Status: corev1.PodStatus{
			HostIP: node, Conditions: []corev1.PodCondition{{Type: corev1.ContainersReady, Status: status}},
		},
	}
}

func TestGatewayAddresses(t *testing.T) {
	service := func(kind corev1.ServiceType, ingress ...corev1.LoadBalancerIngress) *corev1.Service {
		return &corev1.Service{
			ObjectMeta: metav1.ObjectMeta{Name: GatewayName, Namespace: "faas"},
			Spec: corev1.ServiceSpec{
				Type: kind, Ports: []corev1.ServicePort{{Port: 8443, NodePort: 30001}},
			},
			Status: corev1.ServiceStatus{LoadBalancer: corev1.LoadBalancerStatus{Ingress: ingress}},
		}
	}
	pods := []*corev1.Pod{
		gatewayPod("a", "192.0.2.2", true), gatewayPod("b", "192.0.2.1", true), gatewayPod("c", "192.0.2.2", true),
		gatewayPod("d", "192.0.2.3", false),
	}
	for name, test := range map[string]struct {
		service *corev1.Service
		want    []string
		err     string
	}{
		"nodes": {service: service(corev1.ServiceTypeNodePort), want: []string{"192.0.2.1:30001", "192.0.2.2:30001"}},
		"a load balancer": {
			service: service(corev1.ServiceTypeLoadBalancer, corev1.LoadBalancerIngress{Hostname: "lb.example.org"}),
			want:    []string{"lb.example.org:8443"},
		},
		"a load balancer that is not there yet": {service: service(corev1.ServiceTypeLoadBalancer), err: "no address yet"},
		"within the cluster alone":              {service: service(corev1.ServiceTypeClusterIP), err: "gateway_url"},
		"none":                                  {err: "not found"},
	} {
		client := fake.NewClientset()
		for _, pod := range pods {
			if err := client.Tracker().Add(pod); err != nil {
				t.Fatal(err)
			}
		}
		if test.service != nil {
			if err := client.Tracker().Add(test.service); err != nil {
				t.Fatal(err)
			}
		}
		got, err := GatewayAddresses(t.Context(), kubeclienttest.Of(client), "faas")
		if !slices.Equal(got, test.want) || (err == nil) != (test.err == "") ||
			err != nil && !strings.Contains(err.Error(), test.err) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

// Workers are shown with the gateway's address, and again when that changes.
func TestWorkersBehindTheGateway(t *testing.T) {
	s := newState()
	s.gateways = []string{}
	one := pod()
	s.observe(one)
	address := func() string {
		w, there := s.find("pool-a-1")
		if !there {
			t.Fatal("there is no worker")
		}
		return w.Address
	}
	if got := address(); got != "gateway:/pool-a-1" {
		t.Errorf("while no gateway is known: %s", got)
	}
	if !s.setGateways([]string{"192.0.2.1:1", "192.0.2.2:1"}) || s.setGateways([]string{"192.0.2.1:1", "192.0.2.2:1"}) {
		t.Error("a change of addresses is not told from none")
	}
	if got := address(); got != "gateway:192.0.2.1:1,192.0.2.2:1/pool-a-1" {
		t.Errorf("with two gateways: %s", got)
	}
	if shown := s.feed.Workers(); len(shown) != 1 || shown[0].Address != address() {
		t.Errorf("others are shown %v", shown)
	}
}

// The gateway's Secret is made, kept, and replaced when the service has another secret.
func TestGatewayIdentity(t *testing.T) {
	client := fake.NewClientset()
	with := func(secret string) *Orchestrator {
		key, err := faas.NewWorkerKey(strings.Repeat(secret, faas.MinWorkerSecret))
		if err != nil {
			t.Fatal(err)
		}
		cfg, err := Config{Namespace: "faas", AgentImage: "agent", Key: key, Gateway: &Gateway{}}.withDefaults()
		if err != nil {
			t.Fatal(err)
		}
		return newOrchestrator(cfg, kubeclienttest.Of(client))
	}
	apply := func(o *Orchestrator, now time.Time) string {
		if err := o.gateway.applyIdentity(t.Context(), now); err != nil {
			t.Fatal(err)
		}
		secret, err := o.cluster.secrets().Get(t.Context(), GatewaySecret, metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if !o.cfg.Gateway.keys.Fresh(secret.Data[tunnel.CertificateFile], secret.Data[tunnel.KeyFile], now) {
			t.Error("the certificate is not fresh")
		}
		if !bytes.Equal(secret.Data[tunnel.WorkersFile], o.cfg.Gateway.workers) {
			t.Error("gateways cannot know the workers of this secret")
		}
		return string(secret.Data[tunnel.CertificateFile])
	}
	now := time.Now()
	o := with("s")
	first := apply(o, now)
	if apply(o, now.Add(24*time.Hour)) != first {
		t.Error("a fresh certificate is replaced")
	}
	second := apply(o, now.Add(21*24*time.Hour))
	if second == first {
		t.Error("a certificate with a third of its life is kept")
	}
	if apply(with("o"), now) == second {
		t.Error("the certificate of another secret is kept")
	}
	secrets := client.CoreV1().Secrets("faas")
	before, err := secrets.Get(t.Context(), GatewaySecret, metav1.GetOptions{})
	if err == nil { // as an engine of the release before has made it
		delete(before.Data, tunnel.WorkersFile)
		_, err = secrets.Update(t.Context(), before, metav1.UpdateOptions{})
	}
	if err != nil {
		t.Fatal(err)
	}
	apply(with("o"), now)
}
