package workertls

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net"
	"strings"
	"sync/atomic"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// Identity is an agent's key, and the certificate of it that callers are shown.
type Identity struct {
	public  ed25519.PublicKey
	private ed25519.PrivateKey
	shown   atomic.Pointer[tls.Certificate]
	config  *tls.Config
}

// NewIdentity makes a key. Its certificate is its own, and says nothing, until Take.
func NewIdentity() (*Identity, error) {
	i := &Identity{}
	var err error
	if i.public, i.private, err = ed25519.GenerateKey(rand.Reader); err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "FaaS worker without a certificate"},
		NotBefore: time.Unix(0, 0), NotAfter: never,
	}
	own, err := x509.CreateCertificate(rand.Reader, template, template, i.public, i.private)
	if err != nil {
		return nil, fmt.Errorf("make the worker's first certificate: %w", err)
	}
	i.shown.Store(&tls.Certificate{Certificate: [][]byte{own}, PrivateKey: i.private})
	i.config = &tls.Config{
		MinVersion: tls.VersionTLS13, SessionTicketsDisabled: true, DynamicRecordSizingDisabled: true,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return i.shown.Load(), nil },
	}
	return i, nil
}

// Server returns the agent's end of a TLS connection over the raw one.
func (i *Identity) Server(raw net.Conn) *tls.Conn { return tls.Server(raw, i.config) }

// Take has new connections be shown the certificate, which must be of the identity's key.
func (i *Identity) Take(der []byte) error {
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return fmt.Errorf("the certificate cannot be read: %w", err)
	}
	public, is := certificate.PublicKey.(ed25519.PublicKey)
	if !is || !bytes.Equal(public, i.public) {
		return errors.New("the certificate is of another key than this worker's")
	}
	i.shown.Store(&tls.Certificate{Certificate: [][]byte{der}, PrivateKey: i.private, Leaf: certificate})
	return nil
}

// Proven reports whether the Authorization was made by Prove in this TLS session, for this worker.
func Proven(checker faas.TokenChecker, session tls.ConnectionState, authorization string) bool {
	signature, is := strings.CutPrefix(authorization, Scheme)
	if !is {
		return false
	}
	own, err := binding(session)
	return err == nil && checker.ValidSession(own, signature)
}
