package kubernetes

import (
	"encoding/json"
	"net/url"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/openstack-faas/faas/internal/orchestrator"
	"github.com/openstack-faas/faas/internal/orchestrator/orchestratortest"
)

func TestConformance(t *testing.T) {
	orchestratortest.Run(t, func(t *testing.T) orchestratortest.Subject {
		cfg := clusterConfig(t)
		o := open(t, cfg)
		processes := processLimit(t, o)
		return orchestratortest.Subject{
			Orchestrator: o, Python: pythonImage, Other: nodeImage, Missing: missingImage,
			KillAgent:   func(t *testing.T, id string) { killContainer(t, o, id, agentContainer) },
			KillRuntime: func(t *testing.T, id string) { killContainer(t, o, id, runtimeContainer) },
			Reopen:      func(t *testing.T) orchestrator.Orchestrator { return open(t, cfg) },
			Memory:      true, CPU: true, Processes: processes > 0, MaxProcesses: processes, OwnUsers: true,
			Network: true, Forbidden: forbidden(t, o),
		}
	})
}

// processLimit asks a kubelet how many processes a pod may have; -1: any number.
func processLimit(t *testing.T, o *Orchestrator) int {
	t.Helper()
	client := clientOf(t, o.cfg.Kubeconfig).CoreV1()
	nodes, err := client.Nodes().List(t.Context(), metav1.ListOptions{Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	kubelet := client.RESTClient().Get().Resource("nodes").Name(nodes.Items[0].Name)
	text, err := kubelet.SubResource("proxy", "configz").DoRaw(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var answer struct {
		KubeletConfig struct{ PodPidsLimit int }
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		t.Fatal(err)
	}
	return answer.KubeletConfig.PodPidsLimit
}

// forbidden returns the addresses of the API server, of its service and of every kubelet.
func forbidden(t *testing.T, o *Orchestrator) []string {
	t.Helper()
	access, err := restConfig(Config{Kubeconfig: o.cfg.Kubeconfig})
	if err != nil {
		t.Fatal(err)
	}
	server, err := url.Parse(access.Host)
	if err != nil {
		t.Fatal(err)
	}
	service, err := o.client.Services("default").Get(t.Context(), "kubernetes", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	all := []string{server.Host, service.Spec.ClusterIP + ":443"}
	nodes, err := o.client.Nodes().List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, node := range nodes.Items {
		for _, address := range node.Status.Addresses {
			if address.Type == corev1.NodeInternalIP {
				all = append(all, address.Address+":10250")
			}
		}
	}
	return all
}
