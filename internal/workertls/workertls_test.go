package workertls

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/openstack-faas/faas/internal/faas"
)

const worker = "worker-1"

func secret(t testing.TB, letter string) faas.WorkerKey {
	t.Helper()
	key, err := faas.NewWorkerKey(strings.Repeat(letter, faas.MinWorkerSecret))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func authority(t testing.TB, letter string) *Authority {
	t.Helper()
	a, err := NewAuthority(secret(t, letter))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// session returns both ends of a TLS session with the identity.
func session(t testing.TB, i *Identity) (caller, agent tls.ConnectionState) {
	t.Helper()
	here, there := net.Pipe()
	defer here.Close()
	defer there.Close()
	server, client := i.Server(there), Roots{}.Client(here)
	failed := make(chan error, 1)
	go func() { failed <- server.Handshake() }()
	if err := errors.Join(client.Handshake(), <-failed); err != nil {
		t.Fatal(err)
	}
	return client.ConnectionState(), server.ConnectionState()
}

func identity(t testing.TB) *Identity {
	t.Helper()
	i, err := NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// TestCertificate has a worker be known by its certificate, and by no other.
func TestCertificate(t *testing.T) {
	ours, i := authority(t, "s"), identity(t)
	before, _ := session(t, i)
	if err := ours.Check(before, worker); err == nil {
		t.Fatal("a worker without a certificate is taken for one")
	}
	der, err := ours.Issue(before, worker)
	if err == nil {
		err = i.Take(der)
	}
	if err != nil {
		t.Fatal(err)
	}
	now, _ := session(t, i)
	roots, err := ParseRoots(authority(t, "s").PEM()) // another process of the same secret
	if err == nil {
		err = roots.Check(now, worker)
	}
	if err != nil {
		t.Error(err)
	}
	if err := ours.Check(now, "worker-2"); err == nil {
		t.Error("one worker is taken for another")
	}
	if err := authority(t, "r").Check(now, worker); err == nil {
		t.Error("a certificate of another secret is accepted")
	}
	if err := identity(t).Take(der); err == nil {
		t.Error("another key has taken the certificate")
	}
}

// TestProof is of use in its own session, for its own worker, and by whoever has the secret.
func TestProof(t *testing.T) {
	ours, i := authority(t, "s"), identity(t)
	checker, err := faas.NewTokenChecker(secret(t, "s").Public(), worker)
	if err != nil {
		t.Fatal(err)
	}
	caller, agent := session(t, i)
	between, other := session(t, i)
	for name, try := range map[string]struct {
		by     *Authority
		in, at tls.ConnectionState
		worker string
		want   bool
	}{
		"ours":             {ours, caller, agent, worker, true},
		"another session":  {ours, between, agent, worker, false},
		"to another":       {ours, caller, other, worker, false},
		"another's worker": {ours, caller, agent, "worker-2", false},
		"another secret":   {authority(t, "r"), caller, agent, worker, false},
	} {
		proof, err := try.by.Prove(try.in, try.worker)
		if err != nil {
			t.Fatal(err)
		}
		if got := Proven(checker, try.at, proof); got != try.want {
			t.Errorf("%s: accepted: %v", name, got)
		}
	}
	token := secret(t, "s").Token(worker)
	if Proven(checker, agent, Scheme+token) || Proven(checker, agent, "Bearer "+token) || Proven(checker, agent, "") {
		t.Error("a token is taken for a proof")
	}
}

// BenchmarkHandshake is both ends' work for a connection to a worker with its certificate.
func BenchmarkHandshake(b *testing.B) {
	ours, i := authority(b, "s"), identity(b)
	first, _ := session(b, i)
	der, err := ours.Issue(first, worker)
	if err == nil {
		err = i.Take(der)
	}
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		caller, _ := session(b, i)
		if err := ours.Check(caller, worker); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRecords is both ends' work for a call: 512 bytes there, 256 back.
func BenchmarkRecords(b *testing.B) {
	for _, secured := range []bool{false, true} {
		b.Run(map[bool]string{false: "plain", true: "tls"}[secured], func(b *testing.B) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				b.Fatal(err)
			}
			defer l.Close()
			i := identity(b)
			go func() {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				if secured {
					conn = i.Server(conn)
				}
				buffer := make([]byte, 512)
				for {
					if _, err := io.ReadFull(conn, buffer); err != nil {
						return
					}
					if _, err := conn.Write(buffer[:256]); err != nil {
						return
					}
				}
			}()
			conn, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				b.Fatal(err)
			}
			if secured {
				conn = Roots{}.Client(conn)
			}
			defer conn.Close()
			buffer := make([]byte, 512)
			for b.Loop() {
				if _, err := conn.Write(buffer); err != nil {
					b.Fatal(err)
				}
				if _, err := io.ReadFull(conn, buffer[:256]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
