package kubernetes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	authv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/openstack-faas/faas/internal/background"
	"github.com/openstack-faas/faas/internal/engine/introduction"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/kubeclient/kubeclienttest"
	"github.com/openstack-faas/faas/internal/podlayout"
	"github.com/openstack-faas/faas/internal/workertls"
)

// engines are several that see the same pods, as their informers show them, of an API server that
// counts what it is asked.
type engines struct {
	client *fake.Clientset
	all    []*Orchestrator
	away   error // what the API server answers any request; nil: it is there

	mu      sync.Mutex
	pods    map[string]*corev1.Pod
	version int
	asked   map[string]int // by verb and resource
}

func newEngines(t *testing.T, n int) *engines {
	t.Helper()
	e := &engines{client: fake.NewClientset(), pods: map[string]*corev1.Pod{}, asked: map[string]int{}}
	e.client.PrependReactor("create", "tokenreviews", e.review)
	e.client.PrependReactor("patch", "pods", e.patch)
	for range n {
		e.restart(t)
	}
	return e
}

// restart adds an engine that has just started: it knows what the API server lists.
func (e *engines) restart(t *testing.T) *Orchestrator {
	t.Helper()
	o := newOrchestrator(testConfig(t), kubeclienttest.Of(e.client))
	t.Cleanup(func() { _ = o.Close() })
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, pod := range e.pods {
		o.listener.podSeen(pod)
	}
	e.all = append(e.all, o)
	return o
}

// review says that a token is that of the pod of its name.
func (e *engines) review(action clienttesting.Action) (bool, runtime.Object, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.asked["create tokenreviews"]++
	review := action.(clienttesting.CreateAction).GetObject().(*authv1.TokenReview).DeepCopy()
	review.Status = authv1.TokenReviewStatus{
		Authenticated: true, Audiences: []string{podlayout.IdentityAudience},
		User: authv1.UserInfo{Username: "system:serviceaccount:faas:default", Extra: map[string]authv1.ExtraValue{
			tokenPodName: {review.Spec.Token}, tokenPodUID: {"uid-of-" + review.Spec.Token},
		}},
	}
	return true, review, e.away
}

func (e *engines) patch(action clienttesting.Action) (bool, runtime.Object, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.asked["patch pods"]++
	if e.away != nil {
		return true, nil, e.away
	}
	patch := action.(clienttesting.PatchAction)
	var change struct {
		Metadata struct {
			UID         types.UID
			Annotations map[string]string
		}
	}
	if err := json.Unmarshal(patch.GetPatch(), &change); err != nil {
		return true, nil, err
	}
	pod := e.pods[patch.GetName()].DeepCopy()
	if pod.UID != change.Metadata.UID {
		return true, nil, errors.New("the patch is for another pod")
	}
	for name, value := range change.Metadata.Annotations {
		pod.Annotations[name] = value
	}
	e.show(pod)
	return true, pod, nil
}

// show shows a pod as it is now to all engines; the lock is held.
func (e *engines) show(pod *corev1.Pod) {
	e.version++
	pod.ResourceVersion = strconv.Itoa(e.version)
	e.pods[pod.Name] = pod
	for _, o := range e.all {
		o.listener.podSeen(pod)
	}
}

// start shows a new worker that the kubelet has found ready, started so many times before.
func (e *engines) start(name string, tls faas.TLS, restarts int32) {
	e.mu.Lock()
	defer e.mu.Unlock()
	pod := &corev1.Pod{}
	pod.Name, pod.UID, pod.Namespace = name, types.UID("uid-of-"+name), "faas"
	pod.Labels = map[string]string{labelName: workerName, labelRuntime: runtimeID, labelPool: runtimeID}
	pod.Annotations = map[string]string{annotationTLS: string(tls), annotationIntroduced: notIntroduced}
	if known := e.pods[name]; known != nil {
		pod.Annotations = known.Annotations
	}
	pod.Status = corev1.PodStatus{
		PodIP: "192.0.2.1", Conditions: []corev1.PodCondition{{Type: corev1.ContainersReady, Status: corev1.ConditionTrue}},
		ContainerStatuses: []corev1.ContainerStatus{{
			Name: agentContainer, RestartCount: restarts, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}},
		}},
	}
	e.show(pod)
}

// mustBeReady holds that a worker is or is not ready, as each engine sees it.
func mustBeReady(t *testing.T, what string, ready bool, name string, seenBy ...*Orchestrator) {
	t.Helper()
	for _, o := range seenBy {
		w, there := o.find(name)
		if !there || w.Ready != ready || w.Unintroduced == ready {
			t.Errorf("%s: there %v, ready %v, unintroduced %v", what, there, w.Ready, w.Unintroduced)
		}
	}
}

// vouched is an introduction as the engine's client makes it, of an agent that shows its pod's
// name.
func vouched(o *Orchestrator, name string) error {
	return o.Introduce(context.Background(), name, func(ctx context.Context) error { return o.Vouch(ctx, name, name) })
}

// TestReadyWhenIntroduced has one engine introduce a worker, and all know it, those among them that
// start later; until its agent starts again.
func TestReadyWhenIntroduced(t *testing.T) {
	for _, tls := range []faas.TLS{faas.TLSAccepted, faas.TLSRequired} {
		e := newEngines(t, 3)
		e.start("worker", tls, 0)
		mustBeReady(t, "new", false, "worker", e.all...)
		if err := vouched(e.all[0], "worker"); err != nil {
			t.Fatal(err)
		}
		e.restart(t)
		mustBeReady(t, "introduced", true, "worker", e.all...)
		if err := vouched(e.all[1], "worker"); err != nil || e.asked["create tokenreviews"] != 1 {
			t.Errorf("introduced twice: %v, %v", e.asked, err)
		}
		e.start("worker", tls, 1)
		mustBeReady(t, "its agent has started again", false, "worker", e.all...)
		if err := vouched(e.all[1], "worker"); err != nil {
			t.Fatal(err)
		}
		mustBeReady(t, "introduced again", true, "worker", e.all...)
	}
}

// TestAgentStartsWhileItIsIntroduced must not have the certificate of a key that is gone count.
func TestAgentStartsWhileItIsIntroduced(t *testing.T) {
	e := newEngines(t, 2)
	e.start("worker", faas.TLSRequired, 0)
	err := e.all[0].Introduce(t.Context(), "worker", func(context.Context) error {
		e.start("worker", faas.TLSRequired, 1)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	mustBeReady(t, "its agent has started again", false, "worker", e.all...)
}

// TestRefusedIntroduction leaves a worker as it is.
func TestRefusedIntroduction(t *testing.T) {
	e := newEngines(t, 2)
	for _, tls := range []faas.TLS{faas.TLSAccepted, faas.TLSRequired} {
		name := "worker-" + string(tls)
		e.start(name, tls, 0)
		err := e.all[0].Introduce(t.Context(), name, func(ctx context.Context) error {
			return e.all[0].Vouch(ctx, name, "another")
		})
		if err == nil {
			t.Error("a worker with another's token was introduced")
		}
		mustBeReady(t, "it is another", false, name, e.all...)
	}
	if e.asked["patch pods"] > 0 {
		t.Errorf("asked was %v", e.asked)
	}
}

// TestIntroducedWhileKubernetesIsAway has a worker whose certificate is there be ready at least for
// the engine that knows so, and one that may be used without TLS be ready too; the others once
// Kubernetes is back.
func TestIntroducedWhileKubernetesIsAway(t *testing.T) {
	for _, tls := range []faas.TLS{faas.TLSAccepted, faas.TLSRequired} {
		e := newEngines(t, 2)
		e.start("certified", tls, 0)
		e.start("unknown", tls, 0)
		e.away = errors.New("connection refused")
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond) // for the attempts to record it
		err := e.all[0].Introduce(ctx, "certified", func(context.Context) error { return nil })
		cancel()
		if faas.KindOf(err) != faas.Unavailable {
			t.Errorf("%s: introduced, with Kubernetes away: %v", tls, err)
		}
		if err := vouched(e.all[0], "unknown"); !errors.Is(err, workertls.ErrNoVouching) {
			t.Errorf("%s: %v", tls, err)
		}
		mustBeReady(t, "its certificate is there", true, "certified", e.all[0])
		mustBeReady(t, "nobody can tell who it is", tls == faas.TLSAccepted, "unknown", e.all[0])
		mustBeReady(t, "nobody has told it of the first", false, "certified", e.all[1])
		mustBeReady(t, "nobody has told it of the other", false, "unknown", e.all[1])
		e.away = nil
		for _, name := range []string{"certified", "unknown"} {
			if err := vouched(e.all[0], name); err != nil {
				t.Error(err)
			}
			mustBeReady(t, "Kubernetes is back", true, name, e.all...)
		}
	}
}

// TestWithoutTheRight has workers that may be used without TLS be ready for all, and asks no more.
func TestWithoutTheRight(t *testing.T) {
	e := newEngines(t, 2)
	for _, tls := range []faas.TLS{faas.TLSAccepted, faas.TLSRequired} {
		name := "worker-" + string(tls)
		e.start(name, tls, 0)
		err := e.all[0].Introduce(t.Context(), name, func(context.Context) error {
			return fmt.Errorf("review: %w", workertls.ErrMayNotVouch)
		})
		if accepted := tls == faas.TLSAccepted; (err == nil) != accepted {
			t.Errorf("%s: %v", tls, err)
		} else {
			mustBeReady(t, "without a right", accepted, name, e.all...)
		}
	}
}

// TestWorkersOfBefore are ready without: nobody of their release records an introduction.
func TestWorkersOfBefore(t *testing.T) {
	e := newEngines(t, 1)
	e.start("worker", faas.TLSAccepted, 0)
	pod := e.pods["worker"].DeepCopy()
	delete(pod.Annotations, annotationIntroduced)
	e.show(pod)
	mustBeReady(t, "of the release before", true, "worker", e.all...)
}

// TestWhatIntroductionsCost starts workers with several engines: each worker costs one review and
// one patch, however many engines there are, and an engine that starts asks for nothing.
func TestWhatIntroductionsCost(t *testing.T) {
	const workers, processes = 300, 10
	e := newEngines(t, processes)
	group := background.New(t.Context())
	defer func() { group.Stop(); _ = group.Wait(context.Background()) }()
	introduce := func(o *Orchestrator, name string, owns bool) {
		group.Go("introduce", introduction.New(introduction.Config{
			Engine: name, Orchestrator: o, Owns: func(string) bool { return owns },
			Introduce: func(ctx context.Context, w faas.Worker) error { return o.Vouch(ctx, w.ID, w.ID) },
			// Its time stands still: others than the owner have no reason to do its work.
			Group: group, Now: func() time.Time { return time.Time{} }, Log: o.log,
		}).Run)
	}
	for i, o := range e.all {
		introduce(o, fmt.Sprint("engine-", i), i == 0)
	}
	ready := func(o *Orchestrator) {
		ctx, cancel := context.WithTimeout(t.Context(), hangTimeout)
		defer cancel()
		seen := map[string]bool{}
		for changes := range o.Watch(ctx) {
			for _, c := range changes {
				if c.Worker.Ready {
					seen[c.Worker.ID] = true
				}
			}
			if len(seen) == workers {
				return
			}
		}
		t.Errorf("%d workers are ready", len(seen))
	}
	for i := range workers {
		e.start(fmt.Sprint("worker-", i), faas.TLSRequired, 0)
	}
	for _, o := range e.all {
		ready(o)
	}
	restarted := e.restart(t)
	introduce(restarted, "restarted", true)
	ready(restarted)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.asked["create tokenreviews"] != workers || e.asked["patch pods"] != workers {
		t.Errorf("%d workers of %d engines: asked was %v", workers, processes, e.asked)
	}
}
