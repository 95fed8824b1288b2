package broker_test

import (
	"context"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/broker"
	"github.com/openstack-faas/faas/internal/testkit"
)

// tlsOnly is a RabbitMQ that lets nobody in without TLS and a certificate of its authority.
type tlsOnly struct {
	*testkit.RabbitMQ
	dir string // of a client's files: ca.pem, client.pem and client.key
}

func startTLSOnly(t *testing.T) tlsOnly {
	t.Helper()
	server, err := testkit.StartRabbitMQ(
		within(t), "listeners.tcp = none", "ssl_options.verify = verify_peer", "ssl_options.fail_if_no_peer_cert = true",
	)
	must(t, err)
	t.Cleanup(func() { must(t, server.Stop()) })
	s := tlsOnly{server, t.TempDir()}
	s.trust(t, server.Authority())
	return s
}

func (s tlsOnly) file(name string) string { return filepath.Join(s.dir, name) }

// trust has the client trust an authority, and be trusted by it.
func (s tlsOnly) trust(t *testing.T, ca *testkit.Authority) {
	t.Helper()
	must(t, ca.Publish(s.file("ca.pem")))
	must(t, ca.Issue(s.file("client.pem"), s.file("client.key")))
}

// client is a config with all that the server wants.
func (s tlsOnly) client(t *testing.T) broker.Config {
	t.Helper()
	c := config(t, s.URLAt(s.TLSAddress()))
	c.Heartbeat = time.Minute // by which a handshake must be over
	c.SSL, c.CAFile, c.CertFile, c.KeyFile = true, s.file("ca.pem"), s.file("client.pem"), s.file("client.key")
	return c
}

// at returns the config for another address, with the credentials that it has.
func at(c broker.Config, address string) broker.Config {
	c.Hosts = []broker.Host{{Address: address, User: c.Hosts[0].User, Password: c.Hosts[0].Password}}
	return c
}

// TestServerThatRequiresTLS has a client let in by TLS, and others hear what they have to set. It is
// one test for the sake of the one server.
func TestServerThatRequiresTLS(t *testing.T) {
	s := startTLSOnly(t)
	good := s.client(t)
	password := good.Hosts[0].Password.Reveal()
	stranger, err := testkit.NewAuthority()
	must(t, err)
	must(t, stranger.Publish(s.file("stranger.pem")))

	conn, err := broker.Dial(within(t), good, "test")
	must(t, err)
	must(t, conn.Close())
	for name, c := range map[string]struct {
		spoil func(c *broker.Config)
		says  []string
	}{
		"another authority": {func(c *broker.Config) { c.CAFile = s.file("stranger.pem") }, []string{"unknown authority", "ssl_ca_file"}},
		"no authority":      {func(c *broker.Config) { c.CAFile = "" }, []string{"unknown authority", "ssl_ca_file"}},
		"another name": {func(c *broker.Config) {
			*c = at(*c, strings.Replace(s.TLSAddress(), "127.0.0.1", "localhost", 1))
		}, []string{"localhost", "transport_url"}},
		"no certificate": {func(c *broker.Config) { c.CertFile, c.KeyFile = "", "" }, []string{"ssl_cert_file"}},
		"no TLS":         {func(c *broker.Config) { c.SSL = false }, []string{"ssl = true"}},
		"no TLS there":   {func(c *broker.Config) { *c = at(*c, server(t).Address()) }, []string{"does not speak TLS", "5671"}},
	} {
		t.Run(name, func(t *testing.T) {
			bad := good
			c.spoil(&bad)
			log, err := refused(t, bad)
			_, dialled := broker.Dial(within(t), bad, "test")
			if dialled == nil {
				t.Fatal("Dial connects")
			}
			for what, text := range map[string]string{"log": log, "error": err.Error(), "Dial": dialled.Error()} {
				for _, words := range c.says {
					if !strings.Contains(text, words) {
						t.Errorf("the %s should say %q: %s", what, words, text)
					}
				}
				if strings.Contains(text, password) {
					t.Errorf("the %s tells the password: %s", what, text)
				}
			}
		})
	}
	t.Run("renewed", func(t *testing.T) { renewed(t, s) })
}

// renewed has the server come back with certificates of another authority, from which the client's
// come too, while a broker is connected: it needs no restart.
func renewed(t *testing.T, s tlsOnly) {
	b := connect(t, s.client(t))
	stop, err := b.Serve(t.Context(), "echo", 1, func(_ context.Context, request json.RawMessage) (any, error) {
		return request, nil
	})
	must(t, err)
	defer stop()
	must(t, b.Call(within(t), "echo", 1, nil))
	ca, err := testkit.NewAuthority()
	must(t, err)
	s.Kill()
	must(t, s.Certify(ca, "127.0.0.1"))
	must(t, s.Start(within(t)))
	s.trust(t, ca)
	for ctx := within(t); ; {
		call, cancel := context.WithTimeout(ctx, time.Second)
		err := b.Call(call, "echo", 2, nil)
		cancel()
		if err == nil {
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("it does not come back: %v", err)
		}
	}
}
