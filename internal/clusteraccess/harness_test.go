package clusteraccess

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/openstack-faas/faas/pkg/magnum"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// authority is one that signs for an hour, unless told otherwise.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: rand.Text()},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	must(t, err)
	made, err := x509.ParseCertificate(der)
	must(t, err)
	return &authority{made, key}
}

func (a *authority) sign(t *testing.T, template *x509.Certificate, public any, life time.Duration) []byte {
	t.Helper()
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	template.NotBefore, template.NotAfter = time.Now().Add(-24*time.Hour), time.Now().Add(life)
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, public, a.key)
	must(t, err)
	return der
}

func (a *authority) pem() string { return string(encode("CERTIFICATE", a.certificate.Raw)) }

// cluster is a Kubernetes as far as this package is concerned: it speaks TLS and answers 401 to who
// has no certificate of its authority that is valid now.
type cluster struct {
	*httptest.Server
	mu      sync.Mutex
	refuses bool           // everybody
	seen    map[string]int // requests by the serial number of the client's certificate
}

func newCluster(t *testing.T, a *authority) *cluster {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	der := a.sign(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: "kubernetes"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, &key.PublicKey, time.Hour)
	roots := x509.NewCertPool()
	roots.AddCert(a.certificate)
	c := &cluster{seen: map[string]int{}}
	c.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		defer c.mu.Unlock()
		body, _ := io.ReadAll(r.Body)
		if len(r.TLS.PeerCertificates) == 0 || c.refuses {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		client := r.TLS.PeerCertificates[0]
		_, err := client.Verify(x509.VerifyOptions{
			Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		})
		if err != nil {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		c.seen[client.SerialNumber.String()]++
		subject := client.Subject
		fmt.Fprintf(w, "%s %s %s", subject.CommonName, subject.Organization, body) //nolint:misspell // a name of Go's
	}))
	c.TLS = &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, ClientAuth: tls.RequestClientCert,
	}
	c.EnableHTTP2 = true
	c.StartTLS()
	t.Cleanup(c.Close)
	return c
}

func (c *cluster) certificates() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.seen)
}

// fakeMagnum answers as Magnum was seen to do. The tests of pkg/magnum meet the real one; this one
// changes its mind.
type fakeMagnum struct {
	*httptest.Server
	mu        sync.Mutex
	status    string
	reason    string
	address   string
	authority *authority
	life      time.Duration
	fails     int // HTTP status of everything; 0: none
	asked     int // for the cluster
}

func newMagnum(t *testing.T, a *authority, address string) *fakeMagnum {
	t.Helper()
	m := &fakeMagnum{status: "CREATE_COMPLETE", authority: a, address: address, life: time.Hour}
	mux := http.NewServeMux()
	answer := func(w http.ResponseWriter, body map[string]any) {
		if m.fails != 0 {
			w.WriteHeader(m.fails)
			body = map[string]any{"errors": []any{map[string]any{"detail": "It does not want to."}}}
		}
		_ = json.NewEncoder(w).Encode(body)
	}
	mux.HandleFunc("GET /clusters/functions", func(w http.ResponseWriter, _ *http.Request) {
		m.set(func() {
			m.asked++
			answer(w, map[string]any{
				"uuid": "c1", "name": "functions", "status": m.status, "status_reason": m.reason, "api_address": m.address,
			})
		})
	})
	mux.HandleFunc("GET /certificates/c1", func(w http.ResponseWriter, _ *http.Request) {
		m.set(func() { answer(w, map[string]any{"pem": m.authority.pem()}) })
	})
	mux.HandleFunc("POST /certificates", func(w http.ResponseWriter, r *http.Request) {
		var asked struct{ CSR string }
		_ = json.NewDecoder(r.Body).Decode(&asked)
		block, _ := pem.Decode([]byte(asked.CSR))
		request, err := x509.ParseCertificateRequest(block.Bytes)
		if err != nil || request.CheckSignature() != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		m.set(func() {
			template := &x509.Certificate{Subject: request.Subject, ExtraExtensions: request.Extensions}
			made := m.authority.sign(t, template, request.PublicKey, m.life)
			if m.fails == 0 {
				w.WriteHeader(http.StatusCreated)
			}
			answer(w, map[string]any{"pem": string(encode("CERTIFICATE", made))})
		})
	})
	m.Server = httptest.NewServer(mux)
	t.Cleanup(m.Close)
	return m
}

func (m *fakeMagnum) set(change func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change()
}

// Endpoint, ServiceToken and RenewServiceToken are the credentials for it.
func (m *fakeMagnum) Endpoint(context.Context, string) (string, error) { return m.URL, nil }
func (m *fakeMagnum) ServiceToken(context.Context) (string, error)     { return "token", nil }
func (m *fakeMagnum) RenewServiceToken(context.Context, string) (string, error) {
	return "token", nil
}

// client is Magnum's client with connections of its own.
func (m *fakeMagnum) client(t *testing.T) *magnum.Client {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return magnum.New(m, transport)
}

// open opens the access to the cluster functions, and closes it with the test.
func open(t *testing.T, cfg Config) (*Access, error) {
	t.Helper()
	cfg.Cluster, cfg.User, cfg.Group = "functions", "faas-engine", "faas:engines"
	a, err := Open(t.Context(), cfg)
	if err == nil {
		t.Cleanup(a.Close)
	}
	return a, err
}

// ask sends a request with the body and returns the answer.
func ask(ctx context.Context, a *Access, body io.Reader) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, a.REST().Host+"/whoami", body)
	if err != nil {
		return "", err
	}
	response, err := a.RoundTrip(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("status %d", response.StatusCode)
	}
	return string(text), err
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// await polls a condition that nothing signals.
func await(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for tick := time.NewTicker(10 * time.Millisecond); !condition(); {
		select {
		case <-t.Context().Done():
			t.Fatalf("it never came about that %s", what)
		case <-tick.C:
		}
	}
}
