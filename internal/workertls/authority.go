package workertls

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// Roots know the certificates of workers.
type Roots struct{ pool *x509.CertPool }

// ParseRoots reads what Authority.PEM gave.
func ParseRoots(text []byte) (Roots, error) {
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return Roots{}, errors.New("there is no certificate of the workers' authority")
	}
	return Roots{pool}, nil
}

// Client returns the caller's end of a TLS connection over the raw one. After the handshake,
// nothing may be sent that is meant for the worker alone before Check.
func (r Roots) Client(raw net.Conn) *tls.Conn {
	return tls.Client(raw, clientConfig)
}

var clientConfig = &tls.Config{
	MinVersion: tls.VersionTLS13,
	// Check is made after the handshake: a new worker has no certificate yet and may be given one.
	InsecureSkipVerify: true, //nolint:gosec // see above
	// Tickets would lie unread in an idle connection, and look like the agent's end of it. A
	// connection is kept for as long as its worker, so that a second handshake is rare.
	SessionTicketsDisabled: true, DynamicRecordSizingDisabled: true,
}

// Check returns an error unless the other end of the session has the worker's key.
func (r Roots) Check(session tls.ConnectionState, workerID string) error {
	if len(session.PeerCertificates) == 0 {
		return errors.New("the worker has shown no certificate")
	}
	_, err := session.PeerCertificates[0].Verify(x509.VerifyOptions{
		DNSName: workerID, Roots: r.pool, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	if err != nil {
		return fmt.Errorf("who answers there is not worker %s: %w", workerID, err)
	}
	return nil
}

// Authority issues the certificates of workers. It is safe for concurrent use.
type Authority struct {
	Roots
	key         faas.WorkerKey
	certificate *x509.Certificate
	signs       ed25519.PrivateKey
}

// NewAuthority derives the authority from the service's secret.
func NewAuthority(of faas.WorkerKey) (*Authority, error) {
	a := &Authority{key: of, signs: of.Derive("the authority of workers 1")}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "FaaS workers"},
		NotBefore: time.Unix(0, 0), NotAfter: never,
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true, KeyUsage: x509.KeyUsageCertSign,
	}
	// Ed25519 signs without chance, so that all who have the secret make the same certificate.
	der, err := x509.CreateCertificate(rand.Reader, template, template, a.signs.Public(), a.signs)
	if err != nil {
		return nil, fmt.Errorf("make the authority of workers: %w", err)
	}
	if a.certificate, err = x509.ParseCertificate(der); err != nil {
		return nil, err
	}
	a.pool = x509.NewCertPool()
	a.pool.AddCert(a.certificate)
	return a, nil
}

// never is the end of what does not end (RFC 5280). Clocks need not agree for it.
var never = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)

// PEM returns the authority's certificate, for ParseRoots. It is no secret.
func (a *Authority) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.certificate.Raw})
}

// Issue returns a certificate, in DER, which says that the key of the session's other end is the
// worker's. The caller has made sure that it is.
func (a *Authority) Issue(session tls.ConnectionState, workerID string) ([]byte, error) {
	if len(session.PeerCertificates) == 0 {
		return nil, errors.New("the worker has shown no key")
	}
	public, is := session.PeerCertificates[0].PublicKey.(ed25519.PublicKey)
	if !is {
		return nil, errors.New("the worker's key is not Ed25519")
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "FaaS worker"}, DNSNames: []string{workerID},
		NotBefore: time.Unix(0, 0), NotAfter: never,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, a.certificate, public, a.signs)
	if err != nil {
		return nil, fmt.Errorf("make a worker's certificate: %w", err)
	}
	return der, nil
}

// Prove returns the Authorization by which the worker's agent knows that one of ours is at this end
// of the session. It is of no use in another one.
func (a *Authority) Prove(session tls.ConnectionState, workerID string) (string, error) {
	own, err := binding(session)
	if err != nil {
		return "", err
	}
	return Scheme + a.key.SignSession(workerID, own), nil
}

// Scheme is that of the Authorization of requests that Prove is for.
const Scheme = "FaaS-Session "

// binding returns what no other TLS session has.
func binding(session tls.ConnectionState) ([]byte, error) {
	return session.ExportKeyingMaterial("EXPORTER-Channel-Binding", nil, 32)
}
