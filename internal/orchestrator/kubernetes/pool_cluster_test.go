package kubernetes

import (
	"strings"
	"testing"
	"time"

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
	d, err := o.client.AppsV1().Deployments(o.cfg.Namespace).Get(t.Context(), "pool-"+runtimeID, metav1.GetOptions{})
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
	if faas.KindOf(err) != faas.Unavailable || !strings.Contains(err.Error(), "ErrImageNeverPull") || !strings.Contains(err.Error(), pythonImage) {
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
