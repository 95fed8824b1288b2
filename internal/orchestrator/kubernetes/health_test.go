package kubernetes

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/orchestrator"
)

// pod returns a worker's pod that is ready, with the changes applied.
func pod(changes ...func(*corev1.Pod)) *corev1.Pod {
	running := corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name: "pool-a-1", UID: "1", CreationTimestamp: metav1.Now(),
			Labels: map[string]string{
				labelName:     workerName,
				labelRuntime:  runtimeID,
				labelPool:     runtimeID,
				labelTemplate: "t",
			},
			Annotations: map[string]string{annotationSlots: "5"},
		},
		Status: corev1.PodStatus{
			Phase: corev1.PodRunning, PodIP: "10.1.2.3",
			Conditions: []corev1.PodCondition{
				{Type: corev1.PodReady, Status: corev1.ConditionTrue}, {Type: corev1.ContainersReady, Status: corev1.ConditionTrue},
			},
			ContainerStatuses: []corev1.ContainerStatus{
				{Name: runtimeContainer, State: running},
				{Name: agentContainer, State: running},
			},
		},
	}
	for _, change := range changes {
		change(p)
	}
	return p
}

func claimed(p *corev1.Pod) {
	delete(p.Labels, labelPool)
	p.Labels[labelFunction], p.Labels[labelVersion], p.Labels[labelRevision], p.Labels[labelProject] = "f", "2", "7", "p"
}

func unready(p *corev1.Pod) {
	p.Status.Conditions[0].Status, p.Status.Conditions[1].Status = corev1.ConditionFalse, corev1.ConditionFalse
}

func restarted(times int32) func(*corev1.Pod) {
	return func(p *corev1.Pod) { p.Status.ContainerStatuses[1].RestartCount = times }
}

// ended makes the pod's container one that ran for a time and waits for its next start.
func ended(ran time.Duration, message string) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		unready(p)
		now := time.Now()
		p.Status.ContainerStatuses[1].State = corev1.ContainerState{
			Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"},
		}
		p.Status.ContainerStatuses[1].LastTerminationState.Terminated = &corev1.ContainerStateTerminated{
			ExitCode: 137, Reason: "OOMKilled", Message: message,
			StartedAt: metav1.NewTime(now.Add(-ran)), FinishedAt: metav1.NewTime(now),
		}
	}
}

func TestHealth(t *testing.T) {
	for _, test := range []struct {
		name string
		pod  *corev1.Pod
		want health
		why  string
	}{
		{"ready", pod(), ready, ""},
		{"no address yet", pod(func(p *corev1.Pod) { p.Status.PodIP = "" }), starting, ""},
		{"not ready yet", pod(unready), starting, "not ready"},
		{"not heard of by the control plane", pod(func(p *corev1.Pod) {
			p.Status.Conditions[0].Status = corev1.ConditionFalse
		}), ready, ""},
		{"ready again", pod(restarted(1)), ready, ""},
		{
			"crashed young", pod(ended(time.Second, "no module x"), restarted(1)),
			starting, "status 137 (OOMKilled); it said: no module x",
		},
		{"crashed old", pod(ended(time.Hour, "")), lost, "its agent ended"},
		{"crashed too often", pod(ended(time.Second, ""), restarted(maxRestarts)), lost, "its agent ended"},
		{"being deleted", pod(func(p *corev1.Pod) { p.DeletionTimestamp = pointer(metav1.Now()) }), leaving, "deleted"},
		{"evicted", pod(func(p *corev1.Pod) {
			p.Status = corev1.PodStatus{Phase: corev1.PodFailed, Reason: "Evicted", Message: "no room"}
		}), lost, "Evicted: no room"},
		{"claimed", pod(claimed), ready, ""},
		{"claimed, its node unheard of", pod(claimed, unready), starting, ""},
		{"claimed, restarted", pod(claimed, restarted(1)), lost, "not ready"},
		{"claimed after a restart", pod(claimed, restarted(1), func(p *corev1.Pod) {
			p.Annotations[annotationRestarts] = "1"
		}), ready, ""},
		{"claimed, crashed", pod(claimed, ended(time.Second, "")), lost, "OOMKilled"},
	} {
		got, why := examine(test.pod)
		if got != test.want || !strings.Contains(why, test.why) {
			t.Errorf("%s: %d, %q", test.name, got, why)
		}
	}
}

func TestWorkerOfAPod(t *testing.T) {
	w, err := workerOf(pod(claimed), ready)
	want := faas.Worker{
		ID: "pool-a-1", RuntimeID: runtimeID, Address: "tcp:10.1.2.3:8090", Slots: 5, Ready: true,
		Key: faas.Key{FunctionID: "f", Version: 2, Revision: 7}, ProjectID: "p", StartedAt: w.StartedAt,
	}
	if err != nil || w != want || w.StartedAt.IsZero() {
		t.Errorf("%+v, %v", w, err)
	}
	w, err = workerOf(pod(func(p *corev1.Pod) { p.Status.PodIP = "2001:db8::1" }), starting)
	if err != nil || w.Address != "tcp:[2001:db8::1]:8090" || !w.Generic() || w.Ready {
		t.Errorf("%+v, %v", w, err)
	}
	if _, err := workerOf(pod(claimed, func(p *corev1.Pod) { p.Labels[labelRevision] = "x" }), ready); err == nil {
		t.Error("labels that are not ours are taken for ours")
	}
}

// told returns the events of a worker's life, in order.
func told(t *testing.T, life func(*state)) []orchestrator.Event {
	t.Helper()
	s := newState()
	events := s.events.Subscribe(t.Context())
	life(s)
	s.events.Close()
	var all []orchestrator.Event
	for e := range events {
		all = append(all, e)
	}
	return all
}

func TestEventsOfAWorkersLife(t *testing.T) {
	for _, test := range []struct {
		name string
		life func(s *state)
		want string
	}{
		{"comes up, is claimed, is removed", func(s *state) {
			s.observe(pod(unready))
			s.observe(pod())
			s.observe(pod())
			s.observe(pod(claimed))
			s.because("pool-a-1", "1", "removed")
			s.forget(pod(claimed))
		}, "ready: gone:removed"},
		{"crashes young and comes back", func(s *state) {
			s.observe(pod())
			s.observe(pod(ended(time.Second, "")))
			s.observe(pod(restarted(1)))
			s.observe(pod(restarted(2))) // what was between was not heard of
		}, "ready: gone:its agent ended: status 137 (OOMKilled) ready: gone:it is not ready ready:"},
		{"is claimed and crashes", func(s *state) {
			s.observe(pod())
			s.observe(pod(claimed))
			s.observe(pod(claimed, restarted(1)))
			s.observe(pod(claimed, restarted(1)))
			s.forget(pod(claimed))
		}, "ready: gone:it is not ready"},
		{"is deleted by its pool", func(s *state) {
			s.observe(pod())
			s.observe(pod(func(p *corev1.Pod) { p.DeletionTimestamp = pointer(metav1.Now()) }))
			s.forget(pod())
		}, "ready: gone:it was deleted from Kubernetes"},
		{"its name is another's", func(s *state) {
			s.observe(pod())
			s.observe(pod(func(p *corev1.Pod) { p.UID = types.UID("2") }))
		}, "ready: gone:it was replaced by another of its name ready:"},
		{"is known as claimed from the start", func(s *state) { s.observe(pod(claimed)) }, ""},
	} {
		var got []string
		for _, e := range told(t, test.life) {
			got = append(got, string(e.Kind)+":"+e.Reason)
		}
		if strings.Join(got, " ") != test.want {
			t.Errorf("%s: %s", test.name, strings.Join(got, " "))
		}
	}
}

func TestWhatIsStuck(t *testing.T) {
	waiting := func(reason, message string) *corev1.Pod {
		return pod(unready, func(p *corev1.Pod) {
			p.Status.ContainerStatuses[0].State = corev1.ContainerState{
				Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message},
			}
		})
	}
	for _, test := range []struct {
		name     string
		pod      *corev1.Pod
		reason   string
		hopeless bool
	}{
		{"on its way", waiting("ContainerCreating", ""), "", false},
		{"running", pod(unready), "", false},
		{"pull", waiting("ImagePullBackOff", "not found"), "its runtime cannot start: ImagePullBackOff: not found", false},
		{"name", waiting("InvalidImageName", "x"), "its runtime cannot start: InvalidImageName: x", true},
		{
			"crash", pod(ended(time.Second, "no such file")),
			"its agent ends again and again: status 137 (OOMKilled); it said: no such file", false,
		},
		{
			"crash after crash", pod(ended(time.Second, ""), restarted(givenUpAfter-1)),
			"its agent ends again and again: status 137 (OOMKilled)", true,
		},
	} {
		if reason, hopeless := stuck(test.pod); reason != test.reason || hopeless != test.hopeless {
			t.Errorf("%s: %q, %v", test.name, reason, hopeless)
		}
	}
}

// TestStuckGenericWorkersAreFound has a generic worker start for ever: its ReplicaSet counts it and
// makes no other.
func TestStuckGenericWorkersAreFound(t *testing.T) {
	o := newOrchestrator(Config{Progress: time.Minute}, nil)
	begun := time.Now()
	o.observe(pod(unready))
	if o.observe(pod(unready)); len(o.sweeper.stuckGeneric(begun)) != 0 {
		t.Error("a worker that has just begun to start is stuck")
	}
	late := time.Now().Add(stuckTimes*time.Minute + time.Second)
	if found := o.sweeper.stuckGeneric(late); len(found) != 1 || found[0].ID != "pool-a-1" {
		t.Errorf("found %v", found)
	}
	if o.observe(pod()); len(o.sweeper.stuckGeneric(late)) != 0 {
		t.Error("a ready worker is stuck")
	}
	if o.observe(pod(unready)); len(o.sweeper.stuckGeneric(begun.Add(time.Minute))) != 0 {
		t.Error("a worker that was ready has as long as one that is new")
	}
	if o.observe(pod(unready, claimed)); len(o.sweeper.stuckGeneric(late)) != 0 {
		t.Error("a function's own worker is none of the pool's")
	}
}
