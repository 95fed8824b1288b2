package clusteraccess

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	utilnet "k8s.io/apimachinery/pkg/util/net"

	"github.com/openstack-faas/faas/pkg/magnum"
)

// link is one way to the cluster, with its connections.
type link struct {
	uuid      string
	address   *url.URL
	authority string // PEM
	transport *http.Transport
	renew     time.Time // when another certificate is wanted
	ends      time.Time // of the certificate
}

// newLink makes a link of what Magnum said and signed.
func newLink(cluster magnum.Cluster, authority, signed string, key []byte) (*link, error) {
	address, err := url.Parse(cluster.APIAddress)
	if err != nil || address.Scheme != "https" || address.Host == "" {
		return nil, fmt.Errorf("the api_address of cluster %s is no https URL: %q", cluster.Name, cluster.APIAddress)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(authority)) {
		return nil, fmt.Errorf("the CA of cluster %s is no certificate in PEM", cluster.Name)
	}
	certificate, err := tls.X509KeyPair([]byte(signed), key)
	if err != nil {
		return nil, fmt.Errorf("the certificate that Magnum signed for cluster %s: %w", cluster.Name, err)
	}
	leaf := certificate.Leaf
	if time.Now().After(leaf.NotAfter) {
		return nil, fmt.Errorf(
			"the certificate that Magnum signed for cluster %s has ended at %s: is the clock right?",
			cluster.Name, leaf.NotAfter,
		)
	}
	transport := utilnet.SetTransportDefaults(&http.Transport{
		TLSClientConfig: &tls.Config{
			RootCAs: roots, Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12,
		},
		MaxIdleConnsPerHost: 25,
	})
	return &link{
		uuid: cluster.UUID, address: address, authority: authority, transport: transport, ends: leaf.NotAfter,
	}, nil
}

// same reports whether the link leads where Magnum says that the cluster is.
func (l *link) same(cluster magnum.Cluster, authority string) bool {
	return l.uuid == cluster.UUID && l.address.String() == cluster.APIAddress && l.authority == authority
}

// RoundTrip sends a request over the current link. If the cluster's authority or ours is not
// accepted, Magnum is asked at once, and the request is sent again if that led to another link:
// both are refused before anything is done.
func (a *Access) RoundTrip(request *http.Request) (*http.Response, error) {
	by := a.link.Load()
	response, err := by.transport.RoundTrip(by.addressed(request))
	switch {
	case err == nil && response.StatusCode != http.StatusUnauthorized:
		return response, nil
	case err != nil && !distrusted(err):
		if request.Context().Err() == nil {
			a.askSoon() // perhaps the cluster has another address
		}
		return nil, err
	}
	next := a.replaced(request, by)
	again, rewound := rewind(request)
	if next == nil || !rewound {
		return response, err
	}
	if response != nil {
		_ = response.Body.Close()
	}
	return next.transport.RoundTrip(next.addressed(again))
}

// replaced looks at Magnum, unless it was just done, and returns the link that has replaced the
// failed one; nil if none has.
func (a *Access) replaced(request *http.Request, failed *link) *link {
	a.mu.Lock()
	recent := time.Since(a.looked) < leastPause
	a.mu.Unlock()
	if !recent && a.link.Load() == failed {
		_ = a.look(request.Context()) // it is a.Problem then
	}
	if now := a.link.Load(); now != failed {
		return now
	}
	a.askSoon()
	return nil
}

// askSoon has Magnum be looked at.
func (a *Access) askSoon() {
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// addressed returns the request with the link's address in place of its own.
func (l *link) addressed(request *http.Request) *http.Request {
	r := request.Clone(request.Context())
	r.URL.Scheme, r.URL.Host, r.Host = l.address.Scheme, l.address.Host, ""
	return r
}

// rewind returns the request with its body at the beginning, and whether it could.
func rewind(request *http.Request) (*http.Request, bool) {
	if request.Body == nil || request.Body == http.NoBody {
		return request, true
	}
	if request.GetBody == nil {
		return nil, false
	}
	body, err := request.GetBody()
	if err != nil {
		return nil, false
	}
	again := request.Clone(request.Context())
	again.Body = body
	return again, true
}

// distrusted reports whether one side of a connection did not accept the other's certificate.
func distrusted(err error) bool {
	var unknown x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	var alert tls.AlertError
	return errors.As(err, &unknown) || errors.As(err, &invalid) || errors.As(err, &alert)
}

// encode writes PEM.
func encode(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

// CloseIdleConnections has the next request make a connection of its own, unless others are busy.
func (a *Access) CloseIdleConnections() { a.link.Load().transport.CloseIdleConnections() }
