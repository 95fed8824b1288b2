package triggertest

import (
	"context"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/trusts"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/session"
	"github.com/openstack-faas/faas/internal/testkit"
	"github.com/openstack-faas/faas/internal/trigger"
	"github.com/openstack-faas/faas/pkg/keystone"
)

// Real is the mini cloud as triggers of the user demo meet it.
type Real struct {
	*testkit.Cloud
	Trusts trigger.Trusts
	Demo   testkit.Session
}

// NewReal skips the test where there is no cloud with the service, and one of its type.
func NewReal(t testing.TB, serviceType string) *Real {
	t.Helper()
	cloud := testkit.Keystone(t)
	demo := cloud.Login(t, "demo")
	if demo.Endpoints[serviceType] == "" {
		t.Skipf("there is no service of the type %s: make cloud-up CLOUD=all", serviceType)
	}
	u := cloud.User(t, "faas")
	client, err := keystone.New(keystone.Config{
		AuthURL: cloud.AuthURL, Username: u.Name, Password: u.Password, UserDomain: u.Domain, Project: u.Project,
		ProjectDomain: u.ProjectDomain, Region: cloud.Region, Interface: "internal", CacheTime: time.Minute,
	})
	if err != nil {
		t.Fatal(err)
	}
	sessions := session.New(session.Config{Source: session.Keystone{Client: client}})
	t.Cleanup(sessions.Close)
	return &Real{cloud, trigger.Trusts{Sessions: sessions, Keystone: client, HTTP: &http.Client{}}, demo}
}

// Kinds of trusts.
const (
	Plain    = iota // which act for the user, and no more
	ForAodh         // which Aodh can pass on
	ForZaqar        // which Zaqar can pass on
)

// Trigger returns one of demo's, by a trust of the kind that is gone with the test.
func (r *Real) Trigger(t testing.TB, source faas.TriggerSource, settings string, trust int) faas.Trigger {
	t.Helper()
	g := faas.Trigger{
		ID: faas.NewID(), ProjectID: r.Demo.ProjectID, UserID: r.Demo.UserID, Source: source, Settings: settings,
		Status: faas.TriggerPending, Generation: 1,
	}
	g.TrustID = r.Trust(t, r.Demo, trust)
	return g
}

// Trust has a user delegate all that they may do in their project.
func (r *Real) Trust(t testing.TB, user testkit.Session, kind int) string {
	t.Helper()
	maker, token := session.Keystone{Client: r.Trusts.Keystone}, faas.Secret(user.Token)
	of, err := r.Trusts.Keystone.Validate(t.Context(), user.Token)
	if err != nil {
		t.Fatal(err)
	}
	var id string
	if kind == Plain {
		id, err = maker.MakeTrust(t.Context(), token, of.RoleNames())
	} else {
		id, err = maker.MakeTrustToPassOn(t.Context(), token, of.RoleNames(), kind == ForZaqar)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := maker.DeleteTrust(context.Background(), id); err != nil {
			t.Error(err)
		}
	})
	return id
}

// EndTrust deletes a trust, and expects every trust to be gone that services have made of it.
func (r *Real) EndTrust(t testing.TB, id string) {
	t.Helper()
	passedOn := func() (n int) {
		pages, err := trusts.List(r.Demo.Identity, trusts.ListOpts{TrustorUserID: r.Demo.UserID}).AllPages(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		all, err := trusts.ExtractTrusts(pages)
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range all {
			if one.RedelegatedTrustID == id {
				n++
			}
		}
		return n
	}
	if passedOn() == 0 {
		t.Errorf("no service has made a trust of %s", id)
	}
	if err := (session.Keystone{Client: r.Trusts.Keystone}).DeleteTrust(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if left := passedOn(); left != 0 {
		t.Errorf("%d trusts are left that services made of %s", left, id)
	}
}

// Subscriber starts one that ends with the test.
func (r *Real) Subscriber(t testing.TB) *Subscriber {
	t.Helper()
	s, err := NewSubscriber(r.env(t, "FAAS_WORLD"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// Publisher connects one for as long as the test.
func (r *Real) Publisher(t testing.TB) *Publisher {
	t.Helper()
	p, err := NewPublisher(r.env(t, "TRANSPORT_URL"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func (r *Real) env(t testing.TB, name string) string {
	t.Helper()
	value := os.Getenv(name)
	if value == "" {
		t.Skipf("%s is not set: make cloud-up CLOUD=all, and read .cloud/env", name)
	}
	return value
}
