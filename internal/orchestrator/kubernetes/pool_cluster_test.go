package kubernetes

import (
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/orchestrator"
)

func TestPoolComesUp(t *testing.T) {
	o := open(t, clusterConfig(t))
	defer closing(t, o)
	begun := time.Now()
	if err := o.SetPool(t.Context(), pythonPool(3)); err != nil {
		t.Fatal(err)
	}
	t.Logf("the first worker was ready after %s", time.Since(begun))
	o.until(t, "three workers", poolOf(3))
	t.Logf("three after %s", time.Since(begun))
	for _, w := range o.Workers() {
		if restarts, _ := restartsOf(podOf(t, o, w.ID)); restarts > 0 {
			t.Logf("worker %s started again: %s", w.ID, ending(podOf(t, o, w.ID)))
		}
	}
	before := generation(t, o)
	if err := o.SetPool(t.Context(), pythonPool(3)); err != nil {
		t.Fatal(err)
	}
	if after := generation(t, o); after != before {
		t.Errorf("setting the same pool again changed the Deployment: generation %d, then %d", before, after)
	}
}

func generation(t *testing.T, o *Orchestrator) int64 {
	t.Helper()
	d, err := o.deployments().Get(t.Context(), "pool-"+runtimeID, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return d.Generation
}

func TestChangeThatFailsGoesBack(t *testing.T) {
	o := open(t, clusterConfig(t))
	defer closing(t, o)
	if err := o.SetPool(t.Context(), pythonPool(2)); err != nil {
		t.Fatal(err)
	}
	o.until(t, "two workers", poolOf(2))
	before := map[string]bool{}
	for _, w := range o.Workers() {
		before[w.ID] = true
	}
	begun := time.Now()
	err := o.SetPool(t.Context(), orchestrator.Pool{RuntimeID: runtimeID, Image: missingImage, Size: 2})
	t.Logf("after %s: %v", time.Since(begun), err)
	if faas.KindOf(err) != faas.Unavailable || !strings.Contains(err.Error(), "ErrImageNeverPull") ||
		!strings.Contains(err.Error(), pythonImage) {
		t.Errorf("said: %v", err)
	}
	o.until(t, "the old pool", poolOf(2))
	for _, w := range o.Workers() {
		if !before[w.ID] {
			t.Errorf("worker %s took the place of one that was well", w.ID)
		}
	}
	if err := o.SetPool(t.Context(), pythonPool(2)); err != nil {
		t.Errorf("the old image again: %v", err)
	}
}

// telling is how long a pool that cannot come up is waited for in these tests: a good deal longer
// than Kubernetes takes to say why.
const telling = 20 * time.Second

// Whatever keeps workers from becoming ready, the error says it in Kubernetes' own words.
func TestReasonsOfFailure(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*Config)
		image  string
		told   []string
	}{
		{
			"no registry has it", func(c *Config) { c.PullPolicy = "IfNotPresent" },
			"127.0.0.1:1/nobody/has-it:1", []string{"ErrImagePull|ImagePullBackOff", "127.0.0.1:1"},
		},
		{"no name of an image", nil, "what is: this\n{}", []string{"InvalidImageName"}},
		{"ends again and again", nil, agentImage, []string{"its runtime end.*: status 1; it said:", "FAAS_WORKER_ID"}},
		{
			"no such runtime class", func(c *Config) { c.UntrustedClass, c.Progress = "nobody-has-it", telling },
			pythonImage, []string{"nobody-has-it"},
		},
		{
			"no node to run on",
			func(c *Config) { c.Nodes.Selector, c.Progress = map[string]string{"nobody": "has-it"}, telling },
			pythonImage, []string{"Unschedulable", "nodes are available"},
		},
		{"no room in the quota", func(c *Config) { c.Progress = telling }, pythonImage, []string{"exceeded quota"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			cfg := clusterConfig(t)
			if test.change != nil {
				test.change(&cfg)
			}
			o := open(t, cfg)
			defer closing(t, o)
			if strings.Contains(test.name, "quota") {
				allowPods(t, o, "0")
			}
			begun := time.Now()
			err := o.SetPool(t.Context(), orchestrator.Pool{RuntimeID: runtimeID, Image: test.image, Size: 1})
			t.Logf("after %s: %v", time.Since(begun).Round(time.Millisecond), err)
			if faas.KindOf(err) != faas.Unavailable {
				t.Fatalf("kind %q: %v", faas.KindOf(err), err)
			}
			for _, told := range test.told {
				if !regexp.MustCompile(told).MatchString(err.Error()) {
					t.Errorf("does not say %s: %v", told, err)
				}
			}
		})
	}
}

// allowPods bounds how many pods there may be, and returns when the API server knows.
func allowPods(t *testing.T, o *Orchestrator, most string) {
	t.Helper()
	core := clientOf(t, o.cfg.Kubeconfig).CoreV1()
	_, err := core.ResourceQuotas(o.cfg.Namespace).Create(t.Context(), &corev1.ResourceQuota{
		ObjectMeta: metav1.ObjectMeta{Name: "pods"},
		Spec: corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{
			corev1.ResourcePods: resource.MustParse(most),
			"count/limitranges": resource.MustParse("0"), // to see that the quota counts
		}},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the quota is known", func() bool {
		_, err := core.LimitRanges(o.cfg.Namespace).Create(t.Context(), &corev1.LimitRange{
			ObjectMeta: metav1.ObjectMeta{Name: "refused"},
		}, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		return apierrors.IsForbidden(err)
	})
}

// A pool that lacks workers is set again in a way that its ReplicaSet hears of, although nothing
// about the pool changes: see annotationSetAgain.
func TestPoolThatLacksWorkersIsSetAgain(t *testing.T) {
	o := open(t, clusterConfig(t))
	defer closing(t, o)
	allowPods(t, o, "2")
	if err := o.SetPool(t.Context(), pythonPool(3)); err != nil {
		t.Fatal(err)
	}
	o.until(t, "two of three workers", poolOf(2))
	if err := o.SetPool(t.Context(), pythonPool(3)); err != nil {
		t.Fatal(err)
	}
	replicas := clientOf(t, o.cfg.Kubeconfig).AppsV1().ReplicaSets(o.cfg.Namespace)
	eventually(t, "the ReplicaSet hears that the pool was set again", func() bool {
		sets, err := replicas.List(t.Context(), metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return slices.ContainsFunc(sets.Items, func(set appsv1.ReplicaSet) bool {
			return set.Annotations[annotationSetAgain] != ""
		})
	})
}

// Two engines that start at once set the same pool, or find the same image bad.
func TestTwoSetOnePool(t *testing.T) {
	cfg := clusterConfig(t)
	a, b := open(t, cfg), open(t, cfg)
	defer closing(t, a)
	defer closing(t, b)
	both := func(pool orchestrator.Pool) [2]error {
		var errs [2]error
		var all sync.WaitGroup
		for i, o := range []*Orchestrator{a, b} {
			all.Go(func() { errs[i] = o.SetPool(t.Context(), pool) })
		}
		all.Wait()
		return errs
	}
	if errs := both(pythonPool(2)); errs[0] != nil || errs[1] != nil {
		t.Errorf("the same pool: %v", errs)
	}
	a.until(t, "two workers", poolOf(2))
	for i, err := range both(orchestrator.Pool{RuntimeID: runtimeID, Image: missingImage, Size: 2}) {
		if faas.KindOf(err) != faas.Unavailable || !strings.Contains(err.Error(), "ErrImageNeverPull") {
			t.Errorf("engine %d is told: %v", i, err)
		}
	}
	if errs := both(pythonPool(3)); errs[0] != nil || errs[1] != nil {
		t.Errorf("the same pool: %v", errs)
	}
	b.until(t, "three workers", poolOf(3))
}
