package apiserver

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/openstack-faas/faas/cmd/internal/service"
	"github.com/openstack-faas/faas/internal/config"
)

// writeCertificate writes a certificate of 127.0.0.1 that signs itself.
func writeCertificate(t *testing.T, conf config.API, serial int64) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{
		conf.CertFile: {Type: "CERTIFICATE", Bytes: der}, conf.KeyFile: {Type: "PRIVATE KEY", Bytes: private},
	} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestTLS serves with a certificate, renews it, and breaks it: the last good one goes on.
func TestTLS(t *testing.T) {
	dir := t.TempDir()
	conf := config.API{CertFile: filepath.Join(dir, "c.pem"), KeyFile: filepath.Join(dir, "k.pem"), TLSVersion: "1.3"}
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, nil))
	_, err := serverTLS(conf, &service.Live{}, logger)
	if err == nil || !strings.Contains(err.Error(), "[api] cert_file") {
		t.Errorf("without its files: %v", err)
	}
	writeCertificate(t, conf, 1)
	live := &service.Live{}
	secured, err := serverTLS(conf, live, logger)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{
		TLSConfig: secured, Handler: http.NotFoundHandler(), ReadHeaderTimeout: time.Minute,
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug),
	}
	go func() { _ = server.ServeTLS(listener, "", "") }()
	defer server.Close()
	shown := func(client *tls.Config) (int64, error) {
		conn, err := tls.Dial("tcp", listener.Addr().String(), client)
		if err != nil {
			return 0, err
		}
		defer conn.Close()
		return conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64(), nil
	}
	whatever := &tls.Config{InsecureSkipVerify: true} //nolint:gosec // which certificate it is, is what is looked at
	if serial, err := shown(whatever); err != nil || serial != 1 {
		t.Errorf("certificate %d, %v", serial, err)
	}
	old := whatever.Clone()
	old.MaxVersion = tls.VersionTLS12
	if _, err := shown(old); err == nil {
		t.Error("an older version of TLS is spoken than the oldest that may be")
	}
	hangUp := func() { live.Put(config.Settings{}) }
	writeCertificate(t, conf, 2)
	hangUp()
	if serial, err := shown(whatever); err != nil || serial != 2 {
		t.Errorf("after its renewal certificate %d, %v", serial, err)
	}
	if err := os.WriteFile(conf.KeyFile, []byte("no key"), 0o600); err != nil {
		t.Fatal(err)
	}
	hangUp()
	hangUp()
	if serial, err := shown(whatever); err != nil || serial != 2 {
		t.Errorf("with a broken key certificate %d, %v", serial, err)
	}
	if n := strings.Count(log.String(), "cannot be loaded"); n != 1 {
		t.Errorf("the log says %d times that the key is broken:\n%s", n, &log)
	}
}
