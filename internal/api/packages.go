package api

import (
	"context"
	"io"
	"strings"

	"github.com/openstack-faas/faas/internal/api/fields"
	"github.com/openstack-faas/faas/internal/api/request"
	"github.com/openstack-faas/faas/internal/archive"
	"github.com/openstack-faas/faas/internal/codestore"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/swiftcode"
)

// maxChecking bounds how many packages are inflated at a time for checking: it takes a core for up
// to seconds.
const maxChecking = 2

// packages checks the packages that are uploaded and keeps them.
type packages struct {
	store    codestore.Store
	checking chan struct{} // a place for each package that is checked at a time
}

func newPackages(kept codestore.Store) *packages {
	return &packages{store: kept, checking: make(chan struct{}, maxChecking)}
}

// keep checks the package and keeps it in the code store. It returns what the function's
// record says of it. md5sum is what the client says it is; "" for nothing. A package for which
// there is no room is not kept.
func (p *packages) keep(ctx context.Context, pack *fields.Spool, md5sum string, room swiftcode.Room) (faas.Code, error) {
	md5, sha256 := pack.Sums()
	if md5sum != "" && !strings.EqualFold(md5sum, md5) {
		return faas.Code{}, faas.Errorf(
			faas.Invalid, "The MD5 sum of the package is %s, but code.md5sum is %s.", md5, request.Short(md5sum),
		)
	}
	if err := room(ctx, pack.Size); err != nil {
		return faas.Code{}, err
	}
	if err := p.check(ctx, pack); err != nil {
		return faas.Code{}, err
	}
	if err := p.store.Put(ctx, sha256, io.NewSectionReader(pack.Content(), 0, pack.Size)); err != nil {
		return faas.Code{}, err
	}
	return faas.Code{Source: faas.SourcePackage, MD5: md5, SHA256: sha256, Size: pack.Size}, nil
}

// check waits for one of the places where packages are checked.
func (p *packages) check(ctx context.Context, pack *fields.Spool) error {
	select {
	case p.checking <- struct{}{}:
		defer func() { <-p.checking }()
	case <-ctx.Done():
		return ctx.Err()
	}
	return archive.Check(pack.Content(), pack.Size)
}
