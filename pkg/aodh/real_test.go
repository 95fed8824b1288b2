package aodh_test

import (
	"context"
	"crypto/rand"
	"net/http"
	"testing"

	"github.com/gophercloud/gophercloud/v2"

	"github.com/openstack-faas/faas/internal/testkit"
	"github.com/openstack-faas/faas/pkg/aodh"
)

// client returns the real Aodh as a user, or skips the test where there is none.
func client(t *testing.T, s testkit.Session) *gophercloud.ServiceClient {
	t.Helper()
	endpoint := s.Endpoints[aodh.ServiceType]
	if endpoint == "" {
		t.Skip("there is no Aodh: make cloud-up CLOUD=all")
	}
	return aodh.NewAlarmingV2At(&gophercloud.ProviderClient{TokenID: s.Token}, endpoint)
}

// TestRealAlarm makes, finds, changes, sets off and deletes an alarm; another project has none of
// it.
func TestRealAlarm(t *testing.T) {
	ctx, cloud := t.Context(), testkit.Keystone(t)
	demo, alt := client(t, cloud.Login(t, "demo")), client(t, cloud.Login(t, "alt"))
	opts := aodh.CreateOpts{
		Name: "test " + rand.Text(), Description: "of a test", Type: aodh.TypeEvent, Repeat: true, Severity: "moderate",
		Rule: aodh.EventRule{
			EventType: "compute.instance.*",
			Query:     []aodh.Query{{Field: "traits.state", Op: "eq", Value: "gone", Type: "string"}},
		},
		Actions: []string{"http://198.51.100.254:9/nobody"},
	}
	made, err := aodh.Create(ctx, demo, opts).Extract()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = aodh.Delete(context.Background(), demo, made.ID) })
	if made.Name != opts.Name || !made.Repeat || !made.Enabled || made.Severity != "moderate" || made.Changed.IsZero() ||
		len(made.Actions) != 1 || made.Actions[0] != opts.Actions[0] || len(made.OKActions) != 0 {
		t.Errorf("made %+v", made)
	}
	found, err := aodh.List(ctx, demo, map[string]string{"name": opts.Name}).Extract()
	if err != nil || len(found) != 1 || found[0].ID != made.ID || string(found[0].Rule) != string(made.Rule) {
		t.Errorf("found %+v, %v", found, err)
	}
	opts.Actions, opts.Disabled = nil, true
	changed, err := aodh.Update(ctx, demo, made.ID, opts).Extract()
	if err != nil || changed.Enabled || len(changed.Actions) != 0 {
		t.Errorf("changed %+v, %v", changed, err)
	}
	if err := aodh.SetState(ctx, demo, made.ID, aodh.StateAlarm).ExtractErr(); err != nil {
		t.Error(err)
	}
	if now, err := aodh.Get(ctx, demo, made.ID).Extract(); err != nil || now.State != aodh.StateAlarm {
		t.Errorf("now %+v, %v", now, err)
	}
	others, err := aodh.List(ctx, alt, map[string]string{"name": opts.Name}).Extract()
	if err != nil || len(others) != 0 {
		t.Errorf("another project lists %+v, %v", others, err)
	}
	if err := aodh.Get(ctx, alt, made.ID).Err; !gophercloud.ResponseCodeIs(err, http.StatusNotFound) {
		t.Errorf("another project reads it: %v", err)
	}
	if err := aodh.Delete(ctx, demo, made.ID).ExtractErr(); err != nil {
		t.Error(err)
	}
	if err := aodh.Get(ctx, demo, made.ID).Err; !gophercloud.ResponseCodeIs(err, http.StatusNotFound) {
		t.Errorf("it is there after it was deleted: %v", err)
	}
}
