package kubernetes

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/logclip"
	"github.com/openstack-faas/faas/internal/orchestrator"
)

const (
	// logTimeout is how long the API server may be away when a call's log is to be read.
	logTimeout = 30 * time.Second
	// lastWords is how many bytes from the end of its log a failed call's output holds.
	lastWords = 2 << 10
)

// imageCalls runs containers for one call each.
type imageCalls struct {
	*cluster
	policies *policies
	removals *removals
	secrets  *functionSecrets
	makes    *imagePods
	calls    *callPods
}

// RunImage implements orchestrator.Images. What is asked of Kubernetes is seen through although the
// call's life ends meanwhile: then the pod is known and is ended.
func (c *imageCalls) RunImage(life context.Context, call orchestrator.ImageCall) (faas.Outcome, error) {
	ctx := context.WithoutCancel(life)
	if c.closed() {
		return faas.Outcome{}, errClosed()
	}
	owner, err := c.policies.owner(ctx)
	if err != nil {
		return faas.Outcome{}, refused("The owner of containers", err)
	}
	pod, err := c.cfg.callPod(call, owner)
	if err != nil {
		return faas.Outcome{}, err
	}
	if err := c.secrets.keepSecrets(ctx, call.Target, owner); err != nil {
		return faas.Outcome{}, err
	}
	updates, stop := c.calls.follow(pod.Name)
	defer stop()
	begun := time.Now()
	made, doubted, err := c.makes.create(ctx, pod)
	if err != nil {
		return faas.Outcome{}, err
	}
	if doubted {
		defer c.makes.retire(made)
	} else {
		defer c.removals.remove(made.Name, made.UID, "its call is over")
	}
	end, err := c.awaitCall(life, call.Timeout, updates)
	if err != nil {
		return faas.Outcome{}, err
	}
	outcome := c.callOutcome(ctx, made.Name, end)
	outcome.Duration = time.Since(begun)
	return outcome, nil
}

// callEnd is how a call's container ended.
type callEnd struct {
	fault   string               // what went wrong, which becomes the output; "" for success
	status  faas.ExecutionStatus // with a fault; failed when empty
	withLog bool                 // the fault is to be followed by the end of the log
	ran     bool                 // there is a log
}

// awaitCall waits until the container has ended, its time or its call's life is over, or it is
// certain that it will not start. An error says that the container was lost and may have run.
func (c *imageCalls) awaitCall(
	life context.Context, timeout time.Duration, updates <-chan callUpdate,
) (callEnd, error) {
	late := time.NewTimer(faas.ImageStart)
	defer late.Stop()
	runs, last := false, callUpdate{pod: &corev1.Pod{}}
	for {
		select {
		case last = <-updates:
		case <-late.C:
			if runs {
				return callEnd{fault: faas.OutputTimeout, ran: true}, nil
			}
			return callEnd{
				fault: fmt.Sprintf("The function's container was not started within %s: %s", faas.ImageStart, notYet(last.pod)),
			}, nil
		case <-c.ctx.Done():
			return callEnd{}, errLost("the service stopped", nil)
		case <-life.Done():
			return callEnd{fault: faas.OutputCancelled, status: faas.ExecutionCancelled, ran: runs}, nil
		}
		if last.gone || last.pod.DeletionTimestamp != nil {
			return callEnd{}, errLost("it was deleted from Kubernetes", nil)
		}
		if end, over := endOf(last.pod); over {
			return end, nil
		}
		if !runs && functionStatus(last.pod).State.Running != nil {
			runs = true
			late.Reset(timeout)
		}
	}
}

// errLost says that nobody knows how a call's container ended.
func errLost(reason string, cause error) error {
	return faas.Errorf(faas.Internal, "The function's container was lost: %s; the function may have run.", reason).
		WithCause(cause)
}

// functionStatus returns the kubelet's status of the function's container; the zero value while
// there is none.
func functionStatus(pod *corev1.Pod) corev1.ContainerStatus {
	for _, status := range pod.Status.ContainerStatuses {
		if status.Name == functionContainer {
			return status
		}
	}
	return corev1.ContainerStatus{}
}

// killedStatus is the exit status of what SIGKILL has ended.
const killedStatus = 137

// outputOrKilled follows faas.OutputResources where the kubelet has not said "OOMKilled".
// containerd hears of a container's end and of its lack of memory as two events. When the second
// comes too late, or never because the container has lived for too short a time, the reason stays
// "Error" although the kernel has killed the container for its memory. Nothing within a container
// can send SIGKILL to its first process, so that it is nearly always memory; but a program may
// also exit with this status by itself.
const outputOrKilled = ", or its container was killed otherwise: it exited with status 137."

// endOf says how the call's pod has ended; over reports whether it has, or will never run.
func endOf(pod *corev1.Pod) (end callEnd, over bool) {
	state := functionStatus(pod).State
	ended := state.Terminated
	switch {
	case pod.Status.Reason == "DeadlineExceeded":
		return callEnd{fault: faas.OutputTimeout, ran: ended != nil}, true
	case pod.Status.Phase == corev1.PodFailed && pod.Status.Reason != "": // Evicted, say
		return callEnd{
			fault: "The function's container was ended: " + clip(pod.Status.Reason+": "+pod.Status.Message, maxReason),
		}, true
	case ended != nil && (ended.Reason == "StartError" || ended.Reason == "ContainerCannotRun"):
		return callEnd{
			fault: "The function's container cannot start: " + clip(ended.Reason+": "+ended.Message, maxReason),
		}, true
	case ended != nil && ended.Reason == "OOMKilled":
		return callEnd{fault: faas.OutputResources, ran: true}, true
	case ended != nil && ended.ExitCode == killedStatus:
		return callEnd{fault: faas.OutputResources + outputOrKilled, withLog: true, ran: true}, true
	case ended != nil && ended.ExitCode != 0:
		fault := fmt.Sprintf("The function's container exited with status %d.", ended.ExitCode)
		return callEnd{fault: fault, withLog: true, ran: true}, true
	case ended != nil:
		return callEnd{ran: true}, true
	case pod.Status.Phase == corev1.PodFailed:
		return callEnd{fault: "The function's container was ended: " + ending(pod)}, true
	}
	if reason, _ := stuck(pod); reason != "" { // no second try: nobody would wait for it
		return callEnd{fault: "The function's image cannot be run: " + reason}, true
	}
	return callEnd{}, false
}

// notYet says what a pod still waits for.
func notYet(pod *corev1.Pod) string {
	if said := unscheduled(pod); said != "" {
		return said
	}
	if waiting := functionStatus(pod).State.Waiting; waiting != nil {
		return clip(waiting.Reason+" "+waiting.Message, maxReason)
	}
	return "Kubernetes did not say why"
}

// callOutcome returns the outcome for the caller. The log of a container is its result.
func (c *imageCalls) callOutcome(ctx context.Context, pod string, end callEnd) faas.Outcome {
	out := faas.Outcome{Status: faas.ExecutionSuccess}
	if end.fault != "" {
		out.Status = cmp.Or(end.status, faas.ExecutionFailed)
	}
	text := end.fault
	if end.ran {
		log, err := c.callLog(ctx, pod)
		if err != nil {
			c.log.Error("the log of a container cannot be read", "pod", pod, "error", err)
			if end.fault == "" {
				return faas.Outcome{
					Status: faas.ExecutionError,
					Output: faas.TextOutput("The function's container ended well, but its log, which is its result, cannot be read."),
				}
			}
		}
		out.Log = log
		switch {
		case end.fault == "":
			text = log
		case end.withLog && log != "":
			text += " Its log ends: " + clipFront(log, lastWords)
		}
	}
	out.Output = faas.TextOutput(text)
	return out
}

// callLog returns what the container has printed, cut as any call's log is.
func (c *imageCalls) callLog(ctx context.Context, pod string) (log string, err error) {
	ctx, cancel := context.WithTimeout(ctx, logTimeout)
	defer cancel()
	request := c.pods().GetLogs(pod, &corev1.PodLogOptions{Container: functionContainer})
	kept := logclip.New(c.cfg.Limit.Log)
	err = retry(ctx, func(ctx context.Context) error {
		kept.Take() // what an attempt before has read
		stream, err := request.Stream(ctx)
		if err != nil {
			return err
		}
		defer stream.Close()
		_, err = io.Copy(&kept, stream)
		return err
	})
	return kept.Take(), err
}
