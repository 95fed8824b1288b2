package clustergrowth

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/openstack-faas/faas/internal/kubeclient/kubeclienttest"
	"github.com/openstack-faas/faas/pkg/magnum"
)

// rig is a cluster of Kubernetes' own fake, and a Magnum that answers as the real one was seen to
// do. test/functional/openstack meets both for real; here they are in states that those pass
// through within moments.
type rig struct {
	*testing.T
	growth  *Growth
	nodes   kubernetes.Interface
	count   int      // of the group
	refuses bool     // to resize
	removed []string // servers
}

type credentials struct{ url string }

func (c credentials) Endpoint(context.Context, string) (string, error)          { return c.url, nil }
func (c credentials) ServiceToken(context.Context) (string, error)              { return "token", nil }
func (c credentials) RenewServiceToken(context.Context, string) (string, error) { return "token", nil }

func newRig(t *testing.T, count int, nodes ...*corev1.Node) *rig {
	t.Helper()
	r := &rig{T: t, count: count, nodes: fake.NewClientset()}
	for _, node := range nodes {
		_, err := r.nodes.CoreV1().Nodes().Create(t.Context(), node, metav1.CreateOptions{})
		r.must(err)
	}
	answer := func(w http.ResponseWriter, status int, body any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(body)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /clusters/c", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]any{
			"uuid": "c", "name": "c", "status": "CREATE_COMPLETE", "api_address": "https://10.0.0.1:6443",
		})
	})
	mux.HandleFunc("GET /clusters/c/nodegroups/g", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]any{"uuid": "g", "name": "g", "node_count": r.count})
	})
	mux.HandleFunc("POST /clusters/c/actions/resize", func(w http.ResponseWriter, request *http.Request) {
		var asked struct {
			Count  int      `json:"node_count"`
			Remove []string `json:"nodes_to_remove"`
		}
		if err := json.NewDecoder(request.Body).Decode(&asked); err != nil || r.refuses {
			answer(w, http.StatusConflict, map[string]any{"errors": []any{map[string]any{"detail": "Not now."}}})
			return
		}
		r.count, r.removed = asked.Count, append(r.removed, asked.Remove...)
		answer(w, http.StatusAccepted, map[string]any{"uuid": "c"})
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	r.growth = &Growth{cfg: Config{
		Magnum: magnum.New(credentials{server.URL}, nil), Cluster: "c", Group: "g", Min: 1, Max: 5,
		Client: kubeclienttest.Of(r.nodes), Namespace: "faas", Selector: "a=b",
		Patience: time.Hour, Log: slog.New(slog.DiscardHandler),
	}, empty: map[string]time.Time{}}
	return r
}

func (r *rig) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

// closed returns which nodes take no pods.
func (r *rig) closed() (names []string) {
	r.Helper()
	all, err := r.nodes.CoreV1().Nodes().List(r.Context(), metav1.ListOptions{})
	r.must(err)
	for _, node := range all.Items {
		if node.Spec.Unschedulable {
			names = append(names, node.Name)
		}
	}
	return names
}

func (r *rig) expect(what string, removed, closed []string) {
	r.Helper()
	if fmt.Sprint(r.removed) != fmt.Sprint(removed) || fmt.Sprint(r.closed()) != fmt.Sprint(closed) {
		r.Errorf("%s: removed are %v and closed %v; want %v and %v", what, r.removed, r.closed(), removed, closed)
	}
}

func node(name string, change ...func(*corev1.Node)) *corev1.Node {
	n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: corev1.NodeSpec{ProviderID: "openstack:///" + name}}
	for _, f := range change {
		f(n)
	}
	return n
}

func byUs(n *corev1.Node) {
	n.Annotations, n.Spec.Unschedulable = map[string]string{closedHere: "true"}, true
}

func bySomebody(n *corev1.Node) { n.Spec.Unschedulable = true }

// TestRemovedOnce: a node that Magnum has removed may still be shown by Kubernetes. It is not
// removed again, in whose place Magnum would take another.
func TestRemovedOnce(t *testing.T) {
	r := newRig(t, 3, node("one"), node("two"), node("three"))
	for range 3 {
		r.must(r.growth.step(t.Context()))
	}
	if r.count != 2 || len(r.removed) != 1 {
		t.Fatalf("Magnum counts %d nodes after %v went", r.count, r.removed)
	}
	r.expect("it is shown still", r.removed, r.removed)
	r.must(r.nodes.CoreV1().Nodes().Delete(t.Context(), r.removed[0], metav1.DeleteOptions{}))
	for range 3 {
		r.must(r.growth.step(t.Context()))
	}
	if r.count != 1 || len(r.removed) != 2 || r.removed[0] == r.removed[1] {
		t.Errorf("Magnum counts %d nodes after %v went", r.count, r.removed)
	}
}

// TestClosedNodesAreOpenedAgain: an engine was killed between closing a node and asking Magnum, or
// Magnum refused.
func TestClosedNodesAreOpenedAgain(t *testing.T) {
	r := newRig(t, 2, node("one", byUs), node("two", bySomebody))
	r.growth.cfg.Min = 2
	r.must(r.growth.step(t.Context()))
	r.expect("left by an engine", nil, []string{"two"})
	r.growth.cfg.Min, r.refuses = 1, true
	if err := r.growth.step(t.Context()); err == nil {
		t.Error("that Magnum refuses is no error")
	}
	r.expect("refused", nil, []string{"two"})
	r.refuses = false
	r.must(r.growth.step(t.Context()))
	r.expect("agreed", []string{"one"}, []string{"one", "two"})
}

// TestNodesThatStay: those that hold a pod, whoever's, those that somebody has closed, and all
// while another is coming.
func TestNodesThatStay(t *testing.T) {
	r := newRig(t, 2, node("busy"), node("theirs", bySomebody))
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "p", Namespace: "others"}, Spec: corev1.PodSpec{NodeName: "busy"},
	}
	_, err := r.nodes.CoreV1().Pods("others").Create(t.Context(), pod, metav1.CreateOptions{})
	r.must(err)
	for range 2 {
		r.must(r.growth.step(t.Context()))
	}
	r.expect("held and closed", nil, []string{"theirs"})
	r = newRig(t, 3, node("one"), node("two"))
	for range 2 {
		r.must(r.growth.step(t.Context()))
	}
	r.expect("one is coming", nil, nil)
}
