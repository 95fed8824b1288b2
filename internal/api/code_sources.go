package api

import (
	"context"

	"github.com/openstack-faas/faas/internal/api/fields"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
	"github.com/openstack-faas/faas/internal/swiftcode"
)

// codeSources makes the code of functions from what requests bring or name: a package, an object in
// Swift or a container image.
type codeSources struct {
	store    *store.RuntimeStore // knows the runtimes
	packages *packages
	swift    *swiftcode.Source // nil: no function is from Swift
	images   imageSources
	quota    projectQuota
}

// forNew returns the code of a function that is to be, having kept its package if it is of one.
func (c *codeSources) forNew(
	ctx context.Context, id faas.Identity, f *fields.Form, code *askedCode, runtimeID string,
) (faas.Code, error) {
	if code == nil {
		return faas.Code{}, faas.Errorf(faas.Invalid, `code is required, as in {"source": "package"}.`)
	}
	switch faas.CodeSource(code.Source) {
	case faas.SourceImage:
		return c.ofImage(ctx, id, f, code, runtimeID)
	case faas.SourceSwift:
		return c.ofSwift(ctx, id, f, code, runtimeID)
	default:
	}
	if err := c.requireForPackage(ctx, id, f, runtimeID); err != nil {
		return faas.Code{}, err
	}
	return c.packages.keep(ctx, f.Pack, code.MD5, c.quota.roomForPackage(id.ProjectID, 0))
}

// requireForPackage checks that there is all that a function of a package needs, before the package
// is kept. The record's own transaction looks at the runtime again.
func (c *codeSources) requireForPackage(ctx context.Context, id faas.Identity, f *fields.Form, runtimeID string) error {
	switch {
	case runtimeID == "":
		return faas.Errorf(faas.Invalid, "runtime_id is required for a function of source package.")
	case f.Pack == nil:
		return faas.Errorf(
			faas.Invalid,
			"package is required for a function of source package: the zip, as a file in a multipart/form-data body.",
		)
	}
	return c.requireRuntime(ctx, id, runtimeID)
}

// requireRuntime checks that there is the runtime and that it is of use.
func (c *codeSources) requireRuntime(ctx context.Context, id faas.Identity, runtimeID string) error {
	runtime, err := c.store.Runtime(ctx, faas.ProjectScope(id), runtimeID)
	if faas.KindOf(err) == faas.NotFound {
		return faas.Errorf(faas.Invalid, "Runtime %s can not be found.", runtimeID)
	}
	if err == nil && runtime.Status != faas.RuntimeAvailable {
		return faas.Errorf(faas.Conflict, "Runtime %s is not available: its status is %s.", runtimeID, runtime.Status)
	}
	return err
}

// ofImage checks what a function of an image must and must not have.
func (c *codeSources) ofImage(
	ctx context.Context, id faas.Identity, f *fields.Form, code *askedCode, runtimeID string,
) (faas.Code, error) {
	switch {
	case !c.images.enabled:
		return faas.Code{}, faas.Errorf(
			faas.Invalid, "Code from a container image is not supported by this deployment; upload a package instead.",
		)
	case runtimeID != "":
		return faas.Code{}, faas.Errorf(
			faas.Invalid, "A function of a container image takes no runtime; leave runtime_id out.",
		)
	case f.Pack != nil:
		return faas.Code{}, faas.Errorf(faas.Invalid, "A function of a container image takes no package; leave package out.")
	}
	return c.images.pinned(ctx, faas.Function{ProjectID: id.ProjectID}, code)
}

// forChange keeps the new package, if there is one; nil means that the code stays.
func (c *codeSources) forChange(
	ctx context.Context, id faas.Identity, before faas.Function, code *askedCode, pack *fields.Spool,
) (*faas.Code, error) {
	if code != nil && faas.CodeSource(code.Source) != before.Code.Source {
		return nil, faas.Errorf(
			faas.Invalid, "The source of a function's code can not be changed; that of function %s is %s.", before.ID,
			before.Code.Source,
		)
	}
	if code != nil && before.Code.Source == faas.SourceImage && pack == nil {
		changed, err := c.images.pinned(ctx, before, code)
		return &changed, err
	}
	room := c.quota.roomForPackage(before.ProjectID, before.Code.Size)
	if code != nil && before.Code.Source == faas.SourceSwift && pack == nil {
		changed, err := c.object(ctx, id, code, room)
		return &changed, err
	}
	if pack == nil {
		if code != nil && code.MD5 != "" && code.MD5 != before.Code.MD5 {
			return nil, faas.Errorf(faas.Invalid, "md5sum can be changed only together with the package: send the package too.")
		}
		return nil, nil
	}
	if before.Code.Source != faas.SourcePackage {
		return nil, faas.Errorf(
			faas.Invalid, "A function whose code is of source %s takes no package; leave package out.", before.Code.Source,
		)
	}
	md5 := ""
	if code != nil {
		md5 = code.MD5
	}
	kept, err := c.packages.keep(ctx, pack, md5, room)
	return &kept, err
}
