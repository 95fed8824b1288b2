package gateway

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/openstack-faas/faas/internal/tunnel"
	"github.com/openstack-faas/faas/internal/workertls"
)

// reloadEvery is how often the files are looked at. A certificate is replaced days before its end.
const reloadEvery = 10 * time.Second

// Files is an identity from files of a folder, which are read again when they change.
type Files struct {
	folder string
	now    atomic.Pointer[identity]
}

type identity struct {
	text        string // of all files together
	certificate tls.Certificate
	checker     tunnel.Checker
	workers     *workertls.Roots // nil: the engine that made the files is of a release that knew none
}

// ReadFiles reads the folder's files; Follow reads them again.
func ReadFiles(folder string) (*Files, error) {
	f := &Files{folder: folder}
	_, err := f.read()
	return f, err
}

// Certificate implements Identity.
func (f *Files) Certificate() *tls.Certificate { return &f.now.Load().certificate }

// Checker implements Identity.
func (f *Files) Checker() tunnel.Checker { return f.now.Load().checker }

// Workers implements Identity.
func (f *Files) Workers() *workertls.Roots { return f.now.Load().workers }

// Follow reads the files again whenever they have changed, until ctx ends.
func (f *Files) Follow(ctx context.Context, log *slog.Logger) {
	tick := time.NewTicker(reloadEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		switch changed, err := f.read(); {
		case err != nil:
			log.Error("the gateway's new identity cannot be read; it keeps the old one", "error", err)
		case changed:
			log.Info("the gateway has a new identity")
		}
	}
}

func (f *Files) read() (changed bool, err error) {
	names := []string{tunnel.CertificateFile, tunnel.KeyFile, tunnel.CallersFile, tunnel.WorkersFile}
	parts := make([][]byte, len(names))
	var text strings.Builder
	for i, name := range names {
		parts[i], err = os.ReadFile(filepath.Join(f.folder, name))
		if err != nil && (name != tunnel.WorkersFile || !os.IsNotExist(err)) {
			return false, err
		}
		text.Write(parts[i])
	}
	if now := f.now.Load(); now != nil && now.text == text.String() {
		return false, nil
	}
	next := &identity{text: text.String()}
	if next.certificate, err = tls.X509KeyPair(parts[0], parts[1]); err != nil {
		return false, fmt.Errorf("%s and %s in %s: %w", tunnel.CertificateFile, tunnel.KeyFile, f.folder, err)
	}
	if next.checker, err = tunnel.NewChecker(strings.TrimSpace(string(parts[2]))); err != nil {
		return false, fmt.Errorf("%s in %s: %w", tunnel.CallersFile, f.folder, err)
	}
	if len(parts[3]) > 0 {
		workers, err := workertls.ParseRoots(parts[3])
		if err != nil {
			return false, fmt.Errorf("%s in %s: %w", tunnel.WorkersFile, f.folder, err)
		}
		next.workers = &workers
	}
	f.now.Store(next)
	return true, nil
}
