package tunnel

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// The files of a gateway's identity, and the keys of the Secret that an engine keeps them in.
const (
	CertificateFile = "tls.crt"
	KeyFile         = "tls.key"
	CallersFile     = "callers.pub" // what callers' signatures are checked with
	WorkersFile     = "workers.crt" // the authority of workers' certificates; releases before had none
)

// serverName is the name in every gateway's certificate, whatever address it is reached by.
const serverName = "faas-gateway"

// certificateLife is how long a gateway's certificate is valid. It is replaced after two thirds.
const certificateLife = 30 * 24 * time.Hour

// clockSkew is how far the clocks of callers and gateways may be apart.
const clockSkew = time.Hour

// Keys are what callers have. They come from the service's secret, so that nobody has to be told
// them, or to keep them.
type Keys struct {
	authority *x509.Certificate
	signs     ed25519.PrivateKey // the gateways' certificates
	asks      ed25519.PrivateKey // for tunnels
}

// NewKeys derives the keys.
func NewKeys(of faas.WorkerKey) (*Keys, error) {
	k := &Keys{signs: of.Derive("the authority of gateways 1"), asks: of.Derive("asking gateways for tunnels 1")}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "FaaS gateways"},
		NotBefore: time.Unix(0, 0), NotAfter: time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC), // RFC 5280: it does not end
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true, KeyUsage: x509.KeyUsageCertSign,
	}
	// Ed25519 signs without chance, so that all who have the secret make the same certificate.
	der, err := x509.CreateCertificate(rand.Reader, template, template, k.signs.Public(), k.signs)
	if err != nil {
		return nil, fmt.Errorf("make the authority of gateways: %w", err)
	}
	k.authority, err = x509.ParseCertificate(der)
	return k, err
}

// Public returns what a gateway checks signatures with, as text. It is no secret.
func (k *Keys) Public() string {
	return base64.RawURLEncoding.EncodeToString(k.asks.Public().(ed25519.PublicKey))
}

// Issue makes a key and a certificate for gateways, as PEM.
func (k *Keys) Issue(now time.Time) (certificate, key []byte, err error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, nil, err
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: serverName}, DNSNames: []string{serverName},
		NotBefore: now.Add(-clockSkew), NotAfter: now.Add(certificateLife),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, k.authority, public, k.signs)
	if err != nil {
		return nil, nil, fmt.Errorf("make a gateway's certificate: %w", err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), nil
}

// Fresh reports whether callers accept the certificate and it need not be replaced yet.
func (k *Keys) Fresh(certificate, key []byte, now time.Time) bool {
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		return false
	}
	_, err = pair.Leaf.Verify(x509.VerifyOptions{
		DNSName: serverName, Roots: k.roots(), CurrentTime: now.Add(certificateLife / 3),
	})
	return err == nil
}

func (k *Keys) roots() *x509.CertPool {
	roots := x509.NewCertPool()
	roots.AddCert(k.authority)
	return roots
}

// purpose sets these signatures apart from whatever else a key may sign some day.
const purpose = "faas tunnel 1\x00"

// signed returns what is signed for a tunnel to the worker in the TLS session.
func signed(session tls.ConnectionState, workerID string) ([]byte, error) {
	own, err := session.ExportKeyingMaterial("EXPORTER-Channel-Binding", nil, 32)
	if err != nil {
		return nil, err
	}
	return append(append([]byte(purpose), own...), workerID...), nil
}

// Sign returns the signature by which a gateway knows that one of ours asks for the tunnel.
func (k *Keys) Sign(session tls.ConnectionState, workerID string) (string, error) {
	message, err := signed(session, workerID)
	return base64.RawURLEncoding.EncodeToString(ed25519.Sign(k.asks, message)), err
}

// Checker checks the signatures of those who ask for tunnels.
type Checker struct{ public ed25519.PublicKey }

// NewChecker makes a checker of what Keys.Public gave.
func NewChecker(public string) (Checker, error) {
	key, err := base64.RawURLEncoding.DecodeString(public)
	if err != nil || len(key) != ed25519.PublicKeySize {
		return Checker{}, errors.New("the key of the gateway's callers is no Ed25519 public key")
	}
	return Checker{key}, nil
}

// Valid reports whether the signature, of a request for a tunnel to the worker, was made in this
// TLS session by one of ours.
func (c Checker) Valid(session tls.ConnectionState, workerID, signature string) bool {
	raw, err := base64.RawURLEncoding.DecodeString(signature)
	if err != nil {
		return false
	}
	message, err := signed(session, workerID)
	return err == nil && ed25519.Verify(c.public, message, raw)
}
