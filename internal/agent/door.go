package agent

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"os"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/podlayout"
	"github.com/openstack-faas/faas/internal/workertls"
)

// door is where connections to a worker that is a pod become TLS, and how an engine finds out that
// the worker is what it says. Agents that speak no TLS have none.
type door struct {
	identity *workertls.Identity
	callers  *signedToken
	proof    string // the file of what Kubernetes knows the pod by
	plain    bool   // callers of the release before may come in without TLS
}

// newDoor returns nil where the configuration says that there is no TLS.
func newDoor(p podlayout.Config, callers *signedToken) (*door, error) {
	if p.TLS == faas.TLSNever {
		return nil, nil //nolint:nilnil // there is none
	}
	identity, err := workertls.NewIdentity()
	if err != nil {
		return nil, err
	}
	return &door{identity: identity, callers: callers, proof: p.Proof, plain: p.TLS == faas.TLSAccepted}, nil
}

// startsTLS is the first byte of a connection by TLS, and of no request of HTTP.
const startsTLS = 0x16

// open waits for the first byte of a new connection and returns what is read and written from then
// on. An error is that of a connection that is not let in.
func (d *door) open(raw net.Conn) (net.Conn, error) {
	first := make([]byte, 1)
	if _, err := raw.Read(first); err != nil {
		return nil, err
	}
	conn := &begunByte{Conn: raw, first: first}
	if first[0] != startsTLS {
		if d.plain {
			return conn, nil
		}
		return nil, errors.New("this worker speaks TLS only")
	}
	secured := d.identity.Server(conn)
	ctx, cancel := context.WithTimeout(context.Background(), headTimeout)
	defer cancel()
	return secured, secured.HandshakeContext(ctx)
}

// begunByte is a connection whose first byte has been read.
type begunByte struct {
	net.Conn
	first []byte
}

// Read implements net.Conn.
func (b *begunByte) Read(p []byte) (int, error) {
	if len(b.first) > 0 && len(p) > 0 {
		p[0], b.first = b.first[0], nil
		return 1, nil
	}
	return b.Conn.Read(p)
}

// sessionKey is the key of the TLS session in the context of its requests.
type sessionKey struct{}

// withSession has requests of a connection know its TLS session.
func withSession(ctx context.Context, c net.Conn) context.Context {
	if b, is := c.(*begun); is {
		if secured, is := b.Conn.(*tls.Conn); is {
			return context.WithValue(ctx, sessionKey{}, secured.ConnectionState())
		}
	}
	return ctx
}

// maxCertificate bounds the certificate of a worker, in bytes.
const maxCertificate = 8 << 10

// serve answers an engine that finds out whether the worker is what it says, and reports whether
// the request was one of these. They have no token: that is for a worker that is known.
func (d *door) serve(w http.ResponseWriter, r *http.Request) bool {
	asks := r.URL.Path == workertls.IdentityPath || r.URL.Path == workertls.CertificatePath
	if d == nil || !asks || r.Method != http.MethodPost {
		return false
	}
	session, secured := r.Context().Value(sessionKey{}).(tls.ConnectionState)
	if !secured || !d.callers.proven(session, r.Header.Get("Authorization")) {
		refuse(w, http.StatusForbidden, faas.RefusedToken, "")
		return true
	}
	if r.URL.Path == workertls.IdentityPath {
		d.serveIdentity(w)
	} else {
		d.serveCertificate(w, r)
	}
	return true
}

func (d *door) serveIdentity(w http.ResponseWriter) {
	token, err := os.ReadFile(d.proof) // Kubernetes renews it
	if err != nil {
		refuse(w, http.StatusInternalServerError, "internal", err.Error())
		return
	}
	answer(w, workertls.Shown{Token: string(token)})
}

func (d *door) serveCertificate(w http.ResponseWriter, r *http.Request) {
	der, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxCertificate))
	if err == nil {
		err = d.identity.Take(der)
	}
	if err != nil {
		refuse(w, http.StatusBadRequest, "invalid", err.Error())
		return
	}
	answer(w, struct{}{})
}

// secure has the lane be what the door makes of its connection, and reports whether that is let in.
func (f *front) secure(l *lane) bool {
	if f.door == nil {
		return true
	}
	conn, err := f.door.open(l.raw)
	if err != nil {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.isClosing() {
		return false
	}
	l.Conn = conn
	l.reader.Reset(conn)
	return true
}
