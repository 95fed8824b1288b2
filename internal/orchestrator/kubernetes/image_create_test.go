package kubernetes

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/kubeclient"
)

// answers is an API server that knows one namespace's pods. Each request to create one is answered
// as the next of its script says; then all goes well.
type answers struct {
	mu     sync.Mutex
	script []answer
	pods   map[string]*corev1.Pod
	asked  []string // method and last part of the path of each request
	runs   int      // pods that were made
}

type answer struct {
	makes bool // the pod is made, whatever is answered
	code  int  // 0: as an API server that is well; -1: the connection is cut
	plain bool // a proxy answers, not the API server
}

func (a *answers) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	name := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
	a.asked = append(a.asked, r.Method+" "+name)
	switch r.Method {
	case http.MethodPost:
		a.create(w, r)
		return
	case http.MethodDelete:
		delete(a.pods, name)
	case http.MethodPatch:
		patch := struct{ Spec corev1.PodSpec }{}
		if err := json.NewDecoder(r.Body).Decode(&patch); err == nil && a.pods[name] != nil {
			a.pods[name].Spec.ActiveDeadlineSeconds = patch.Spec.ActiveDeadlineSeconds
		}
	}
	if pod := a.pods[name]; pod != nil {
		reply(w, http.StatusOK, pod)
	} else {
		fail(w, http.StatusNotFound)
	}
}

func (a *answers) create(w http.ResponseWriter, r *http.Request) {
	next := answer{makes: true}
	if len(a.script) > 0 {
		next, a.script = a.script[0], a.script[1:]
	}
	pod := &corev1.Pod{}
	body, _ := io.ReadAll(r.Body)
	if err := json.Unmarshal(body, pod); err != nil {
		fail(w, http.StatusBadRequest)
		return
	}
	there := a.pods[pod.Name] != nil
	if next.makes && !there {
		pod.UID = "the first"
		a.pods[pod.Name] = pod
		a.runs++
	}
	switch {
	case next.code == -1:
		panic(http.ErrAbortHandler)
	case next.plain:
		http.Error(w, "<html>nobody is there</html>", next.code)
	case next.code != 0:
		fail(w, next.code)
	case there:
		fail(w, http.StatusConflict)
	default:
		reply(w, http.StatusCreated, pod)
	}
}

func reply(w http.ResponseWriter, code int, object any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(object)
}

// fail answers with the reason that an API server has for the code.
func fail(w http.ResponseWriter, code int) {
	reason := map[int]metav1.StatusReason{
		http.StatusNotFound: metav1.StatusReasonNotFound, http.StatusConflict: metav1.StatusReasonAlreadyExists,
		http.StatusForbidden: metav1.StatusReasonForbidden, http.StatusUnprocessableEntity: metav1.StatusReasonInvalid,
		http.StatusTooManyRequests: metav1.StatusReasonTooManyRequests, http.StatusGatewayTimeout: metav1.StatusReasonTimeout,
		http.StatusInternalServerError: metav1.StatusReasonInternalError,
	}[code]
	reply(w, code, metav1.Status{
		TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"},
		Status:   metav1.StatusFailure, Reason: reason, Code: int32(code), Message: "because",
	})
}

// asking returns an orchestrator, of which only what makes pods is used, and the server that it
// asks.
func asking(t *testing.T, script ...answer) (*Orchestrator, *answers) {
	t.Helper()
	a := &answers{script: script, pods: map[string]*corev1.Pod{}}
	server := httptest.NewServer(a)
	client, err := kubeclient.New(&rest.Config{
		Host: server.URL, ContentConfig: rest.ContentConfig{ContentType: "application/json"},
	})
	if err != nil {
		t.Fatal(err)
	}
	o := newOrchestrator(testConfig(t), client)
	t.Cleanup(func() {
		if err := o.Close(); err != nil {
			t.Error(err)
		}
		server.Close()
	})
	return o, a
}

func TestCreationThatIsDoubtful(t *testing.T) {
	const (
		made    = "made"
		doubted = "made, in doubt"
		unknown = "unknown"
		refused = "refused"
	)
	forbidden := answer{code: http.StatusForbidden}
	for name, test := range map[string]struct {
		script []answer
		want   string
		kind   faas.Kind
		runs   int
	}{
		"all is well":                         {nil, made, "", 1},
		"refused":                             {[]answer{forbidden}, refused, faas.Unavailable, 0},
		"refused as wrong":                    {[]answer{{code: http.StatusUnprocessableEntity}}, refused, faas.Invalid, 0},
		"too many requests, then well":        {[]answer{{code: http.StatusTooManyRequests}}, made, "", 1},
		"500, and made":                       {[]answer{{makes: true, code: 500}}, doubted, "", 1},
		"504, and made":                       {[]answer{{makes: true, code: 504}}, doubted, "", 1},
		"504 of a proxy, and made":            {[]answer{{makes: true, code: 504, plain: true}}, doubted, "", 1},
		"cut off, and made":                   {[]answer{{makes: true, code: -1}}, doubted, "", 1},
		"500, and not made":                   {[]answer{{code: 500}}, doubted, "", 1},
		"504 and made, then refused":          {[]answer{{makes: true, code: 504}, forbidden}, doubted, "", 1},
		"500, then refused":                   {[]answer{{code: 500}, forbidden}, unknown, faas.Internal, 0},
		"504, then refused":                   {[]answer{{code: 504}, forbidden}, unknown, faas.Internal, 0},
		"503 of a proxy, then refused":        {[]answer{{code: 503, plain: true}, forbidden}, unknown, faas.Internal, 0},
		"cut off, then refused":               {[]answer{{code: -1}, forbidden}, unknown, faas.Internal, 0},
		"said to be there, and it is not":     {[]answer{{code: http.StatusConflict}}, unknown, faas.Internal, 0},
		"500 and 504, and made by the latter": {[]answer{{code: 500}, {makes: true, code: 504}}, doubted, "", 1},
	} {
		t.Run(name, func(t *testing.T) {
			o, server := asking(t, test.script...)
			pod := callPodOf(t, o.cfg, imageCall())
			created, doubtful, err := o.servers.makes.create(t.Context(), pod)
			got := made
			switch {
			case err != nil && doubtful:
				got = unknown
			case err != nil:
				got = refused
			case doubtful:
				got = doubted
			}
			if got != test.want || err != nil && faas.KindOf(err) != test.kind {
				t.Errorf("got %s, %v", got, err)
			}
			if err == nil && created.UID != "the first" {
				t.Errorf("got the pod %q", created.UID)
			}
			o.wait.Wait() // for what is deleted in the background
			if server.runs != test.runs {
				t.Errorf("%d pods were made", server.runs)
			}
			deletes := slices.Contains(server.asked, "DELETE "+pod.Name)
			if deletes != (test.want == unknown) {
				t.Errorf("the pod was deleted: %v (%v)", deletes, server.asked)
			}
		})
	}
}

// A pod that was made in doubt keeps its name when its call is over: a late attempt to create it
// must find it there, and only its containers end.
func TestDoubtfulPodIsStoppedNotDeleted(t *testing.T) {
	o, server := asking(t, answer{makes: true, code: 504})
	pod := callPodOf(t, o.cfg, imageCall())
	created, _, err := o.servers.makes.create(t.Context(), pod)
	if err != nil {
		t.Fatal(err)
	}
	o.servers.makes.retire(created)
	o.wait.Wait()
	left := server.pods[pod.Name]
	if left == nil {
		t.Fatalf("the pod is gone: %v", server.asked)
	}
	if deadline := left.Spec.ActiveDeadlineSeconds; deadline == nil || *deadline != 1 {
		t.Errorf("its deadline is %v s", deadline)
	}
	if _, err := o.pods().Create(t.Context(), pod, metav1.CreateOptions{}); err == nil ||
		server.runs != 1 {
		t.Errorf("a late attempt made it again: %v, %d", err, server.runs)
	}
}
