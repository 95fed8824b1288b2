package broker

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"

	amqp "github.com/rabbitmq/amqp091-go"
)

// tls reads the files, and returns the client side of TLS; nil when none is wanted.
func (c Config) tls() (*tls.Config, error) {
	if !c.SSL {
		return nil, nil //nolint:nilnil // there is none
	}
	t := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CAFile != "" {
		pem, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, fmt.Errorf("ssl_ca_file: %w", err)
		}
		t.RootCAs = x509.NewCertPool()
		if !t.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("ssl_ca_file: no certificate in %s", c.CAFile)
		}
	}
	if c.CertFile != "" || c.KeyFile != "" {
		pair, err := tls.LoadX509KeyPair(c.CertFile, cmp.Or(c.KeyFile, c.CertFile))
		if err != nil {
			return nil, fmt.Errorf("ssl_cert_file, ssl_key_file: %w", err)
		}
		t.Certificates = []tls.Certificate{pair}
	}
	return t, nil
}

// noteAsked has it noted when a server asks for a certificate that the client does not have. Servers
// that want one say so after the handshake, if at all: most just hang up.
func noteAsked(t *tls.Config) *bool {
	asked := new(bool)
	if t != nil && len(t.Certificates) == 0 {
		t.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			*asked = true
			return new(tls.Certificate), nil // none
		}
	}
	return asked
}

// explain adds to the error of a connection that failed what to set, where TLS may be the reason.
func (c Config) explain(err error, asked bool) error {
	var (
		notTLS   tls.RecordHeaderError
		unknown  x509.UnknownAuthorityError
		misnamed x509.HostnameError
		said     *amqp.Error
	)
	hint := ""
	switch inAMQP := errors.As(err, &said); {
	case errors.As(err, &notTLS):
		hint = "the server does not speak TLS on this port; with TLS it is 5671 by default"
	case errors.As(err, &unknown):
		hint = "[oslo_messaging_rabbit] ssl_ca_file must have the certificate of the authority that signed the server's"
	case errors.As(err, &misnamed):
		hint = "transport_url must name the server as its certificate does (subjectAltName)"
	case asked && (!inAMQP || !said.Server): // not where RabbitMQ itself says why
		hint = "the server asks for a client's certificate: set [oslo_messaging_rabbit] ssl_cert_file and ssl_key_file"
	case !c.SSL && inAMQP && said.Code == amqp.FrameError:
		hint = "this is not AMQP without TLS; if the server speaks TLS on this port, set [oslo_messaging_rabbit] ssl = true"
	default:
		return err
	}
	return fmt.Errorf("%w: %s", err, hint)
}
