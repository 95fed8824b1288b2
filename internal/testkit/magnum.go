package testkit

import (
	"context"
	"crypto/rand"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/containerinfra/v1/clusters"
	"github.com/gophercloud/gophercloud/v2/openstack/containerinfra/v1/clustertemplates"
)

// magnumTimeout bounds how long a cluster of the mini cloud may take to be made, and to go.
const magnumTimeout = 10 * time.Minute

// Magnum returns the real Magnum as the user. The test is skipped where there is none.
func (s Session) Magnum(t testing.TB) *gophercloud.ServiceClient {
	t.Helper()
	endpoint := s.Endpoints["container-infra"]
	if endpoint == "" {
		t.Skip("there is no Magnum: make cloud-up CLOUD=all")
	}
	return &gophercloud.ServiceClient{
		ProviderClient: &gophercloud.ProviderClient{TokenID: s.Token}, Endpoint: gophercloud.NormalizeURL(endpoint),
		Type: "container-infra", MoreHeaders: map[string]string{"OpenStack-API-Version": "container-infra 1.9"},
	}
}

// Cluster has Magnum make a cluster with the labels, and waits for it. It goes with the test.
// kubernetes=none makes one that is complete without a Kubernetes.
func Cluster(t testing.TB, magnum *gophercloud.ServiceClient, labels map[string]string) clusters.Cluster {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), magnumTimeout)
	defer cancel()
	one := 1
	template, err := clustertemplates.Get(ctx, magnum, "kubernetes-mini").Extract()
	if err != nil {
		t.Fatalf("the template of clusters: %v", err)
	}
	id, err := clusters.Create(ctx, magnum, clusters.CreateOpts{
		Name: "test-" + rand.Text(), ClusterTemplateID: template.UUID, NodeCount: &one, MasterCount: &one, Labels: labels,
	}).Extract()
	if err != nil {
		t.Fatalf("making a cluster: %v", err)
	}
	t.Cleanup(func() { deleteCluster(t, magnum, id) })
	for {
		found, err := clusters.Get(ctx, magnum, id).Extract()
		switch {
		case err == nil && found.Status == "CREATE_COMPLETE":
			return *found
		case err == nil && found.Status != "CREATE_IN_PROGRESS":
			t.Fatalf("the cluster is %s: %s", found.Status, found.StatusReason)
		// Before all of it is in Magnum's database, it is not there (404), or cannot be shown (400).
		case err != nil && !gophercloud.ResponseCodeIs(err, 404) && !gophercloud.ResponseCodeIs(err, 400):
			t.Fatalf("the cluster cannot be seen: %v", err)
		}
		pause(ctx, t, "the cluster is not complete")
	}
}

// deleteCluster deletes a cluster and waits until it is gone, and its Kubernetes with it.
func deleteCluster(t testing.TB, magnum *gophercloud.ServiceClient, id string) {
	ctx, cancel := context.WithTimeout(context.Background(), magnumTimeout)
	defer cancel()
	if err := clusters.Delete(ctx, magnum, id).ExtractErr(); err != nil {
		t.Errorf("the cluster cannot be deleted: %v", err)
		return
	}
	for {
		found, err := clusters.Get(ctx, magnum, id).Extract()
		if gophercloud.ResponseCodeIs(err, 404) {
			return
		}
		if err == nil && found.Status == "DELETE_FAILED" {
			t.Errorf("the cluster could not be deleted: %s", found.StatusReason)
			return
		}
		pause(ctx, t, "the cluster does not go")
	}
}

// pause waits for half a second: Magnum tells nobody when something is done.
func pause(ctx context.Context, t testing.TB, otherwise string) {
	t.Helper()
	select {
	case <-ctx.Done():
		t.Fatal(otherwise)
	case <-time.After(500 * time.Millisecond):
	}
}
