package magnum_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"net/http"
	"testing"

	"github.com/openstack-faas/faas/internal/testkit"
	"github.com/openstack-faas/faas/pkg/magnum"
)

// login is a user's credentials; its first token is one that Keystone does not know.
type login struct {
	endpoint, token string
	refused         int
}

func (l *login) Endpoint(context.Context, string) (string, error) { return l.endpoint, nil }
func (l *login) ServiceToken(context.Context) (string, error)     { return "of another cloud", nil }
func (l *login) RenewServiceToken(context.Context, string) (string, error) {
	l.refused++
	return l.token, nil
}

// as returns the real Magnum as a user of the mini cloud.
func as(t *testing.T, s testkit.Session) (*magnum.Client, *login) {
	t.Helper()
	creds := &login{endpoint: s.Endpoints[magnum.ServiceType], token: s.Token}
	return magnum.New(creds, http.DefaultTransport), creds
}

// request makes a certificate request for the name.
func request(t *testing.T, name string) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.CertificateRequest{Subject: pkix.Name{CommonName: name}}
	der, err := x509.CreateCertificateRequest(rand.Reader, template, key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}))
}

func parse(t *testing.T, text string) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		t.Fatalf("no PEM: %q", text)
	}
	parsed, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// TestReal finds a cluster, has a certificate signed and resizes it; another project sees none of
// it.
func TestReal(t *testing.T) {
	cloud := testkit.Keystone(t)
	service := cloud.Login(t, "faas")
	made := testkit.Cluster(t, service.Magnum(t), map[string]string{"kubernetes": "none"})
	ctx := t.Context()
	client, creds := as(t, service)
	found, err := client.Cluster(ctx, made.Name)
	if err != nil || found.UUID != made.UUID || found.APIAddress == "" || found.NodeCount != 1 || !found.Settled() {
		t.Fatalf("%+v, %v", found, err)
	}
	if err := found.Usable(); err != nil {
		t.Error(err)
	}
	if creds.refused != 1 {
		t.Errorf("the token was renewed %d times", creds.refused)
	}
	authority, err := client.CA(ctx, found.UUID)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := client.Sign(ctx, found.UUID, request(t, "somebody"))
	if err != nil {
		t.Fatal(err)
	}
	certificate := parse(t, signed)
	err = certificate.CheckSignatureFrom(parse(t, authority))
	if err != nil || certificate.Subject.CommonName != "somebody" {
		t.Errorf("%s, %v", certificate.Subject, err)
	}
	resize(t, client, found.UUID)
	refusals(t, cloud, client, found)
}

func resize(t *testing.T, client *magnum.Client, uuid string) {
	ctx := t.Context()
	group, err := client.NodeGroup(ctx, uuid, "")
	if err != nil || group.Role != "worker" || group.Count != 1 || !group.Default {
		t.Fatalf("%+v, %v", group, err)
	}
	if err := client.Resize(ctx, uuid, magnum.Resize{Group: group.UUID, Count: 3}); err != nil {
		t.Fatal(err)
	}
	for group.Count != 3 { // Magnum's API has taken it, its conductor may still have to
		if group, err = client.NodeGroup(ctx, uuid, group.Name); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := client.NodeGroup(ctx, uuid, "nobody"); !errors.Is(err, magnum.ErrNotFound) {
		t.Errorf("a node group that is not there: %v", err)
	}
}

func refusals(t *testing.T, cloud *testkit.Cloud, client *magnum.Client, found magnum.Cluster) {
	ctx := t.Context()
	if _, err := client.Cluster(ctx, "nobody"); !errors.Is(err, magnum.ErrNotFound) {
		t.Errorf("a cluster that is not there: %v", err)
	}
	if _, err := client.Sign(ctx, found.UUID, "no request"); err == nil {
		t.Error("what is no request was signed")
	}
	other, _ := as(t, cloud.Login(t, "alt"))
	if _, err := other.Cluster(ctx, found.UUID); !errors.Is(err, magnum.ErrNotFound) {
		t.Errorf("another project's: %v", err)
	}
	if _, err := other.Sign(ctx, found.UUID, request(t, "somebody")); !errors.Is(err, magnum.ErrRefused) {
		t.Errorf("another project has signed: %v", err)
	}
	nowhere := magnum.New(&login{endpoint: "http://127.0.0.1:9/v1"}, http.DefaultTransport)
	if _, err := nowhere.Cluster(ctx, found.UUID); !errors.Is(err, magnum.ErrUnavailable) {
		t.Errorf("nobody there: %v", err)
	}
}
