package store

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"

	"github.com/go-sql-driver/mysql"
)

// tlsHost is what a URL says of TLS: the name that the server's certificate must have, and PEM files.
type tlsHost struct {
	speaks bool
	name   string
	ca     string // certificates that may sign the server's; the host's own when empty
	cert   string // this client's certificate, when the server requires one
	key    string // its key; in cert when empty
}

// apply has each connection read the files: what has been renewed is used by the next. They are read
// now as well, so that a wrong one is heard of at once.
func (h tlsHost) apply(c *mysql.Config) (err error) {
	if c.TLS, err = h.config(); err != nil {
		return err
	}
	return c.Apply(mysql.BeforeConnect(func(_ context.Context, c *mysql.Config) (err error) {
		c.TLS, err = h.config()
		return err
	}))
}

func (h tlsHost) config() (*tls.Config, error) {
	c := &tls.Config{ServerName: h.name, MinVersion: tls.VersionTLS12}
	if h.ca != "" {
		pem, err := os.ReadFile(h.ca)
		if err != nil {
			return nil, fmt.Errorf("the database's ssl_ca: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("the database's ssl_ca: %s has no PEM certificate", h.ca)
		}
	}
	if h.cert != "" || h.key != "" {
		pair, err := tls.LoadX509KeyPair(h.cert, orDefault(h.key, h.cert))
		if err != nil {
			return nil, fmt.Errorf("the database's ssl_cert and ssl_key: %w", err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

// What servers say to clients that they want to come by TLS, or with a certificate. MariaDB says to
// all of them what it says to a wrong password.
const (
	accessDenied   = 1045
	secureRequired = 3159
)

// explain adds to the error of a connection that failed what to set, where TLS may be the reason.
func (d mysqlServer) explain(err error) error {
	var (
		numbered *mysql.MySQLError
		unknown  x509.UnknownAuthorityError
		misnamed x509.HostnameError
		hint     string
	)
	number, plain := uint16(0), d.config.TLS == nil
	if errors.As(err, &numbered) {
		number = numbered.Number
	}
	switch {
	case (number == accessDenied || number == secureRequired) && plain:
		hint = "the connection has no TLS; if the server requires it (require_secure_transport, REQUIRE SSL), " +
			"the URL of [database] connection must have ssl_ca, as ?ssl_ca=/path/to/ca.pem"
	case number == accessDenied && len(d.config.TLS.Certificates) == 0:
		hint = "the connection has no client's certificate; if the server requires one (REQUIRE X509), " +
			"the URL of [database] connection must have ssl_cert and ssl_key"
	case errors.Is(err, mysql.ErrNoTLS):
		hint = "the URL of [database] connection asks for it by an option that begins with ssl_"
	case errors.As(err, &unknown):
		hint = "ssl_ca in the URL of [database] connection must have the certificate of the authority that signed the server's"
	case errors.As(err, &misnamed):
		hint = "the URL of [database] connection must name the server as its certificate does (subjectAltName)"
	default:
		return err
	}
	return fmt.Errorf("%w: %s", err, hint)
}
