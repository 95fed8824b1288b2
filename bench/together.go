package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/openstack-faas/faas/internal/apiclient"
)

// together20 is how many functions are called at once on a pool of three.
const together20 = 20

// functionsTogether calls fresh functions at once. In the mini cloud it is held against the time in
// which the kubelet starts as many pods of the same kind that are made at once, in the same minute.
func functionsTogether(ctx context.Context, r *report, c *apiclient.Client, rt apiclient.Runtime) error {
	var all []apiclient.Function
	for n := range together20 {
		f, err := create(ctx, c, rt, "main.py", fmt.Sprintf("%s\n# one of many: %d\n", echo, n))
		if err != nil {
			return err
		}
		all = append(all, f)
	}
	if err := awaitPool(ctx, c, rt); err != nil {
		return err
	}
	what := fmt.Sprintf("%d new functions called at once, pool of %d and more,", together20, poolSize)
	var floors []string
	if r.Cloud != "" {
		floor := fmt.Sprintf("%s%d pods made at once, ready, p95", floorPrefix, together20)
		if err := podsFloor(ctx, r, rt.ID, floor); err != nil {
			return err
		}
		floors = []string{floor}
	}
	took, refused, err := firstCalls(ctx, c, all)
	if err != nil {
		return err
	}
	r.addTime(what+" p50", ms(quantile(took, 0.50)), nil, "")
	r.addTime(what+" p95", ms(quantile(took, 0.95)), floors, "target: ≤ 1.3 of floors")
	r.add(what+" told to come again", float64(refused), "calls", "target: 0")
	for _, f := range all {
		if err := c.Do(ctx, http.MethodDelete, "/v1/functions/"+f.ID, nil, nil); err != nil {
			return err
		}
	}
	return awaitPool(ctx, c, rt)
}

// firstCalls calls each function once, all at once. Who is told to come again does.
func firstCalls(ctx context.Context, c *apiclient.Client, all []apiclient.Function) (
	took []time.Duration, refused int, err error,
) {
	var mu sync.Mutex
	var group sync.WaitGroup
	begun := time.Now()
	for _, f := range all {
		group.Go(func() {
			for {
				_, failed := call(ctx, c, f)
				var e *apiclient.Error
				again := errors.As(failed, &e) && e.Status == http.StatusTooManyRequests
				mu.Lock()
				if again {
					refused++
				} else {
					took, err = append(took, time.Since(begun)), errors.Join(err, failed)
				}
				mu.Unlock()
				if !again {
					return
				}
				seconds, _ := strconv.Atoi(e.RetryAfter)
				time.Sleep(time.Duration(max(seconds, 1)) * time.Second)
			}
		})
	}
	group.Wait()
	slices.Sort(took)
	return took, refused, err
}

// podsFloor makes pods of the runtime's pool's template at once, which no engine takes for workers,
// and reports when nineteen of twenty are ready.
func podsFloor(ctx context.Context, r *report, runtimeID, what string) error {
	access, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	if err != nil {
		return err
	}
	access.QPS, access.Burst = 100, 200
	client, err := kubernetes.NewForConfig(access)
	if err != nil {
		return err
	}
	const namespace, label = "faas", "faas-bench"
	pool, err := client.AppsV1().Deployments(namespace).Get(ctx, "pool-"+runtimeID, metav1.GetOptions{})
	if err != nil {
		return err
	}
	pods, of := client.CoreV1().Pods(namespace), metav1.ListOptions{LabelSelector: label}
	defer func() {
		now := int64(0)
		_ = pods.DeleteCollection(context.WithoutCancel(ctx), metav1.DeleteOptions{GracePeriodSeconds: &now}, of)
		time.Sleep(10 * time.Second) // their containers end, which the node is busy with
	}()
	begun := time.Now()
	var group sync.WaitGroup
	failures := make([]error, together20)
	for n := range together20 {
		group.Go(func() {
			_, failures[n] = pods.Create(ctx, &corev1.Pod{
				ObjectMeta: metav1.ObjectMeta{
					GenerateName: "bench-", Labels: map[string]string{label: "floor"},
					Annotations: pool.Spec.Template.Annotations,
				},
				Spec: pool.Spec.Template.Spec,
			}, metav1.CreateOptions{})
		})
	}
	group.Wait()
	if err := errors.Join(failures...); err != nil {
		return err
	}
	ready := map[string]time.Duration{}
	for len(ready) < together20 {
		there, err := pods.List(ctx, of)
		if err != nil {
			return err
		}
		for i := range there.Items {
			pod := &there.Items[i]
			if _, known := ready[pod.Name]; !known && isReady(pod) {
				ready[pod.Name] = time.Since(begun)
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	took := make([]time.Duration, 0, together20)
	for _, t := range ready {
		took = append(took, t)
	}
	slices.Sort(took)
	r.add(what, ms(quantile(took, 0.95)), "ms", "")
	return nil
}

func isReady(pod *corev1.Pod) bool {
	return slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.ContainersReady && c.Status == corev1.ConditionTrue
	})
}
