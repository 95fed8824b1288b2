package openstack

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"testing"

	"github.com/gophercloud/gophercloud/v2/openstack/containerinfra/v1/clusters"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/openstack-faas/faas/internal/apiclient"
	"github.com/openstack-faas/faas/internal/clusteraccess"
	"github.com/openstack-faas/faas/internal/testkit"
	"github.com/openstack-faas/faas/pkg/magnum"
)

// certificateLife is how long certificates of the cluster last in these tests, in seconds.
const certificateLife = "30"

// TestMagnum has Magnum make a cluster and tells an engine its name: that is all it needs to run
// functions there.
func TestMagnum(t *testing.T) {
	ctx := testContext(t)
	service := testkit.Keystone(t).Login(t, "faas")
	cluster := testkit.Cluster(t, service.Magnum(t), map[string]string{"certificate_seconds": certificateLife})
	i := newInstallation(t, map[string]string{
		"FAAS_KUBERNETES_MAGNUM_CLUSTER":        cluster.Name,
		"FAAS_KUBERNETES_INGRESS_FROM":          cable(t, cluster),
		"FAAS_KUBERNETES_MAGNUM_MAX_NODES":      "2",
		"FAAS_KUBERNETES_MAGNUM_NODE_IDLE_TIME": "10",
	})
	t.Run("unprepared", func(t *testing.T) { unprepared(ctx, t, i) })
	prepare(ctx, t, i)
	engine := i.start(ctx, t, "faas-engine")
	api := i.serve(ctx, t, "admin")
	must(t, api.Do(ctx, "POST", "/v1/runtimes", map[string]any{
		"name": "python3", "image": "docker.io/faas-mini/python3:dev", "is_public": true, "trusted": true,
	}, nil))
	runtime, err := api.AwaitRuntime(ctx, "python3")
	must(t, err)
	must(t, callNew(ctx, api, runtime))
	t.Run("renewal", func(t *testing.T) { renewal(ctx, t, engine, api, runtime) })
	t.Run("rights", func(t *testing.T) { leastRights(ctx, t, service, cluster) })
	t.Run("growth", func(t *testing.T) { growth(ctx, t, service, cluster) })
}

// cable returns the address block that this machine reaches the cluster's pods from.
func cable(t *testing.T, cluster clusters.Cluster) string {
	t.Helper()
	u, err := url.Parse(cluster.APIAddress)
	must(t, err)
	conn, err := net.Dial("udp", u.Host) // sends nothing: it tells this side's address
	must(t, err)
	defer conn.Close()
	host, _, err := net.SplitHostPort(conn.LocalAddr().String())
	must(t, err)
	return host + "/32"
}

// unprepared starts an engine in a cluster that knows nothing of it: it says what to do.
func unprepared(ctx context.Context, t *testing.T, i *installation) {
	out, err := i.command(ctx, "faas-engine").CombinedOutput()
	if err == nil || !bytes.Contains(out, []byte("faas-manage cluster prepare makes the rights")) {
		t.Errorf("an engine without rights: %v\n%s", err, out)
	}
}

// prepare has the rights shown, then made, and made again.
func prepare(ctx context.Context, t *testing.T, i *installation) {
	t.Helper()
	for _, step := range []struct{ flag, want string }{
		{"", "kind: RoleBinding"},
		{"--apply", "Role faas-engine: made"},
		{"--apply", "Role faas-engine: is as it must be"},
	} {
		out, err := i.command(ctx, "faas-manage", strings.Fields("cluster prepare "+step.flag)...).CombinedOutput()
		if err != nil || !bytes.Contains(out, []byte(step.want)) {
			t.Fatalf("faas-manage cluster prepare %s: %v\n%s", step.flag, err, out)
		}
	}
}

// renewal makes and calls functions, some at a time, while the engine's certificate is renewed
// twice.
func renewal(ctx context.Context, t *testing.T, engine *process, api *apiclient.Client, runtime apiclient.Runtime) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	const callers = 2
	ended := make(chan int, callers)
	for range callers {
		go func() {
			calls := 0
			for ; ctx.Err() == nil; calls++ {
				if err := callNew(context.WithoutCancel(ctx), api, runtime); err != nil {
					t.Errorf("call %d: %v", calls, err)
				}
			}
			ended <- calls
		}()
	}
	const renewed = "Magnum signed another certificate"
	from := engine.count(renewed)
	await(ctx, t, "the certificate is renewed twice", func() bool { return engine.count(renewed) >= from+2 })
	stop()
	calls := 0
	for range callers {
		calls += <-ended
	}
	t.Logf("%d functions made and called while the certificate was renewed twice", calls)
	if said := engine.health(context.WithoutCancel(ctx)); said != "OK" {
		t.Errorf("the engine says %q", said)
	}
}

// leastRights tries, as the engine's user, what that must not do.
func leastRights(ctx context.Context, t *testing.T, service testkit.Session, cluster clusters.Cluster) {
	client := magnum.New(fixed{service}, nil)
	access, err := clusteraccess.Open(ctx, clusteraccess.Config{
		Cluster: cluster.UUID, Magnum: client, User: "faas-engine", Group: "faas:engines",
		Log: slog.New(slog.DiscardHandler),
	})
	must(t, err)
	defer access.Close()
	engine, err := kubernetes.NewForConfig(access.REST())
	must(t, err)
	core, rbac := engine.CoreV1(), engine.RbacV1()
	all, made := metav1.ListOptions{}, metav1.CreateOptions{}
	if _, err := core.Pods("faas").List(ctx, all); err != nil {
		t.Errorf("it may not list its own pods: %v", err)
	}
	role := &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Name: "more"}}
	everything := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "everything"}}
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "stray"},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "docker.io/faas-mini/python3:dev"}}},
	}
	unconfined := pod.DeepCopy()
	unconfined.Spec.HostNetwork = true
	for what, try := range map[string]func() error{
		"list secrets of kube-system": func() error { _, err := core.Secrets("kube-system").List(ctx, all); return err },
		"list all secrets":            func() error { _, err := core.Secrets("").List(ctx, all); return err },
		"delete a node":               func() error { return core.Nodes().Delete(ctx, "any", metav1.DeleteOptions{}) },
		"reach a node through the API": func() error {
			return core.RESTClient().Get().AbsPath("/api/v1/nodes/any/proxy/pods").Do(ctx).Error()
		},
		"run a pod elsewhere":     func() error { _, err := core.Pods("default").Create(ctx, pod, made); return err },
		"run an unconfined pod":   func() error { _, err := core.Pods("faas").Create(ctx, unconfined, made); return err },
		"grant rights":            func() error { _, err := rbac.Roles("faas").Create(ctx, role, made); return err },
		"grant rights everywhere": func() error { _, err := rbac.ClusterRoles().Create(ctx, everything, made); return err },
		"open its namespace":      func() error { return openNamespace(ctx, engine) },
		"run commands in a worker": func() error {
			return core.RESTClient().Post().AbsPath("/api/v1/namespaces/faas/pods/any/exec").Do(ctx).Error()
		},
	} {
		if err := try(); !apierrors.IsForbidden(err) {
			t.Errorf("it may %s: %v", what, err)
		}
	}
}

// openNamespace takes away what keeps pods of the workers' namespace confined.
func openNamespace(ctx context.Context, client *kubernetes.Clientset) error {
	patch := []byte(`{"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "privileged"}}}`)
	_, err := client.CoreV1().Namespaces().Patch(
		ctx, "faas", "application/merge-patch+json", patch, metav1.PatchOptions{},
	)
	return err
}

// fixed is the credentials of a session.
type fixed struct{ testkit.Session }

func (f fixed) Endpoint(_ context.Context, serviceType string) (string, error) {
	return f.Endpoints[serviceType], nil
}
func (f fixed) ServiceToken(context.Context) (string, error)              { return f.Token, nil }
func (f fixed) RenewServiceToken(context.Context, string) (string, error) { return f.Token, nil }
