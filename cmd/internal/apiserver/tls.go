package apiserver

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/openstack-faas/faas/cmd/internal/service"
	"github.com/openstack-faas/faas/internal/config"
)

// certificate is that of the API's port. It is loaded anew when its files have changed, so that one
// that was renewed is used without a restart.
type certificate struct {
	certFile, keyFile string
	log               *slog.Logger

	mu     sync.Mutex
	loaded *tls.Certificate
	seen   [2]time.Time // when the files had been written that were looked at last
	looked time.Time
}

// certificatePause is the time between two looks at the files.
const certificatePause = time.Second

// serverTLS returns how the API's port speaks TLS; nil where it does not.
func serverTLS(conf config.API, live *service.Live, log *slog.Logger) (*tls.Config, error) {
	if conf.CertFile == "" {
		return nil, nil //nolint:nilnil // there is none
	}
	c := &certificate{certFile: conf.CertFile, keyFile: conf.KeyFile, log: log}
	var err error
	if c.loaded, err = c.load(); err != nil {
		return nil, fmt.Errorf("[api] cert_file and key_file: %w", err)
	}
	c.seen, _ = c.written()
	live.Take(func(config.Settings) { c.look(time.Time{}) })
	return &tls.Config{
		MinVersion: conf.MinTLS(), GetCertificate: c.get,
		NextProtos: []string{"http/1.1"}, // as without TLS: what the API does to connections is HTTP/1.1's
	}, nil
}

func (c *certificate) load() (*tls.Certificate, error) {
	loaded, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	return &loaded, err
}

// written returns when the files were written.
func (c *certificate) written() (at [2]time.Time, err error) {
	for i, file := range []string{c.certFile, c.keyFile} {
		info, err := os.Stat(file)
		if err != nil {
			return at, err
		}
		at[i] = info.ModTime()
	}
	return at, nil
}

func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return c.look(time.Now()), nil
}

// look returns the certificate, as its files have it; at the time zero it looks in any case. While
// the files are being written, or broken, the one before goes on.
func (c *certificate) look(now time.Time) *tls.Certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !now.IsZero() && now.Sub(c.looked) < certificatePause {
		return c.loaded
	}
	c.looked = now
	at, err := c.written()
	if at == c.seen {
		return c.loaded
	}
	c.seen = at
	renewed, failed := c.load()
	if err != nil || failed != nil {
		c.log.Error("the renewed certificate of the API cannot be loaded; the one before goes on", "file", c.certFile,
			"error", failed)
		return c.loaded
	}
	c.loaded = renewed
	c.log.Info("the certificate of the API is renewed", "file", c.certFile, "until", renewed.Leaf.NotAfter)
	return c.loaded
}
