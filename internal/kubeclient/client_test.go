package kubeclient_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	authv1 "k8s.io/api/authentication/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/openstack-faas/faas/internal/kubeclient"
	"github.com/openstack-faas/faas/internal/kubeclient/kubeclienttest"
)

// server answers each request with its own body or, where there is none, with a pod's name, and
// keeps what it was asked.
type server struct {
	*httptest.Server
	asked []string
}

func newServer(t *testing.T) *server {
	s := &server{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		line := []string{r.Method, r.URL.String(), r.Header.Get("Content-Type"), r.Header.Get("Accept"), string(body)}
		s.asked = append(s.asked, strings.Join(line, " "))
		status := http.StatusOK
		switch {
		case strings.HasSuffix(r.URL.Path, "/none"):
			status = http.StatusNotFound
			body, _ = json.Marshal(metav1.Status{
				TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: metav1.StatusFailure,
				Reason: metav1.StatusReasonNotFound, Code: http.StatusNotFound,
			})
			w.Header().Set("Content-Type", "application/json")
		case r.Method == http.MethodPost || r.Method == http.MethodPut:
			w.Header().Set("Content-Type", r.Header.Get("Content-Type"))
		default:
			w.Header().Set("Content-Type", "application/json")
			body = []byte(`{"metadata":{"name":"one"}}`)
		}
		w.WriteHeader(status)
		_, _ = w.Write(body)
	}))
	t.Cleanup(s.Close)
	return s
}

// TestRequests holds each request against that of client-go's own clientset.
func TestRequests(t *testing.T) {
	s := newServer(t)
	access := &rest.Config{Host: s.URL, QPS: 1000, Burst: 1000}
	ours, err := kubeclient.New(access)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := kubernetes.NewForConfig(access)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []kubeclient.Client{ours, kubeclienttest.Of(theirs)} {
		ask(t, c)
	}
	half := len(s.asked) / 2
	if half < 50 || len(s.asked)%2 != 0 {
		t.Fatalf("%d requests were made", len(s.asked))
	}
	for i, line := range s.asked[:half] {
		if want := s.asked[half+i]; line != want {
			t.Errorf("request %d is\n%q, want\n%q", i, line, want)
		}
	}
}

// ask makes each request that a client has.
func ask(t *testing.T, c kubeclient.Client) {
	t.Helper()
	named := metav1.ObjectMeta{Name: "one", Labels: map[string]string{"a": "b"}}
	every(t, c.Pods("faas"), &corev1.Pod{ObjectMeta: named, Spec: corev1.PodSpec{NodeName: "n"}})
	every(t, c.Pods(""), &corev1.Pod{ObjectMeta: named})
	every(t, c.Secrets("faas"), &corev1.Secret{ObjectMeta: named, Data: map[string][]byte{"k": {0, 1}}})
	every(t, c.Services("faas"), &corev1.Service{ObjectMeta: named})
	every(t, c.Events("faas"), &corev1.Event{ObjectMeta: named})
	every(t, c.Nodes(), &corev1.Node{ObjectMeta: named})
	every(t, c.Deployments("faas"), &appsv1.Deployment{ObjectMeta: named})
	every(t, c.NetworkPolicies("faas"), &netv1.NetworkPolicy{ObjectMeta: named})
	every(t, c.Leases("faas"), &coordinationv1.Lease{ObjectMeta: named})
	review := &authv1.TokenReview{Spec: authv1.TokenReviewSpec{Token: "token", Audiences: []string{"us"}}}
	got, err := c.TokenReviews().Create(t.Context(), review, metav1.CreateOptions{})
	if err != nil || got.Spec.Token != "token" {
		t.Errorf("a review: %v, %v", got, err)
	}
	lines, limit := int64(7), int64(1<<10)
	log, err := c.Pods("faas").GetLogs("one", &corev1.PodLogOptions{
		Container: "function", TailLines: &lines, LimitBytes: &limit, Timestamps: true,
	}).Stream(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	log.Close()
}

// every makes each request that a collection has.
func every[T metav1.Object, L any](t *testing.T, of kubeclient.Resource[T, L], object T) {
	t.Helper()
	ctx := t.Context()
	check := func(what string, got T, err error) {
		t.Helper()
		if err != nil || got.GetName() != "one" {
			t.Errorf("%s of %T: %v, %v", what, object, got, err)
		}
	}
	seconds, none := int64(3), int64(0)
	got, err := of.Get(ctx, "one", metav1.GetOptions{ResourceVersion: "5"})
	check("get", got, err)
	got, err = of.Create(ctx, object, metav1.CreateOptions{FieldManager: "us"})
	check("create", got, err)
	got, err = of.Update(ctx, object, metav1.UpdateOptions{FieldManager: "us"})
	check("update", got, err)
	got, err = of.Patch(ctx, "one", types.StrategicMergePatchType, []byte(`{}`), metav1.PatchOptions{}, "resize")
	check("patch", got, err)
	options := metav1.ListOptions{
		LabelSelector: "a=b", FieldSelector: "c=d", Limit: 10, ResourceVersion: "5", TimeoutSeconds: &seconds,
		AllowWatchBookmarks: true,
	}
	if _, err := of.List(ctx, options); err != nil {
		t.Error(err)
	}
	stream, err := of.Watch(ctx, options)
	if err != nil {
		t.Fatal(err)
	}
	stream.Stop()
	uid := types.UID("u")
	err = of.Delete(ctx, "one", metav1.DeleteOptions{
		GracePeriodSeconds: &none, Preconditions: &metav1.Preconditions{UID: &uid},
	})
	if err != nil {
		t.Error(err)
	}
	if _, err := of.Get(ctx, "none", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("what is not there: %v", err)
	}
}

// TestWatch: what a watch delivers is typed, and an error is a Status.
func TestWatch(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		for _, event := range []string{
			`{"type":"ADDED","object":{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"one"}}}`,
			`{"type":"BOOKMARK","object":{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"resourceVersion":"9"}}}`,
			`{"type":"ERROR","object":{"apiVersion":"v1","kind":"Status","reason":"Expired","code":410}}`,
		} {
			_, _ = io.WriteString(w, event+"\n")
		}
	}))
	t.Cleanup(s.Close)
	c, err := kubeclient.New(&rest.Config{Host: s.URL})
	if err != nil {
		t.Fatal(err)
	}
	stream, err := c.Deployments("faas").Watch(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Stop()
	if d, is := (<-stream.ResultChan()).Object.(*appsv1.Deployment); !is || d.Name != "one" {
		t.Errorf("the first event has %v", d)
	}
	if d, is := (<-stream.ResultChan()).Object.(*appsv1.Deployment); !is || d.ResourceVersion != "9" {
		t.Errorf("the bookmark has %v", d)
	}
	if event := <-stream.ResultChan(); !apierrors.IsResourceExpired(apierrors.FromObject(event.Object)) {
		t.Errorf("the error is %v", event.Object)
	}
}

func TestBurst(t *testing.T) {
	if _, err := kubeclient.New(&rest.Config{Host: "localhost", QPS: 5}); err == nil {
		t.Error("a bound without one of a burst is taken")
	}
}
