package api

import (
	"context"
	"strings"

	"github.com/openstack-faas/faas/internal/api/fields"
	"github.com/openstack-faas/faas/internal/api/request"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/swiftcode"
)

// ofSwift returns the code of a function that is to be from an object, having kept the object's
// bytes.
func (c *codeSources) ofSwift(
	ctx context.Context, id faas.Identity, f *fields.Form, code *askedCode, runtimeID string,
) (faas.Code, error) {
	switch {
	case c.swift == nil:
		return faas.Code{}, errNoSwift()
	case runtimeID == "":
		return faas.Code{}, faas.Errorf(faas.Invalid, "runtime_id is required for a function of source swift.")
	case f.Pack != nil:
		return faas.Code{}, faas.Errorf(
			faas.Invalid, "A function of source swift takes no package: its code is the object. Leave package out.",
		)
	}
	if err := c.requireRuntime(ctx, id, runtimeID); err != nil {
		return faas.Code{}, err
	}
	return c.object(ctx, id, code, c.quota.roomForPackage(id.ProjectID, 0))
}

// object reads the object that the code names, with the caller's own rights in the caller's
// project. code.MD5 is what the client says that it is; "" for nothing.
func (c *codeSources) object(
	ctx context.Context, id faas.Identity, code *askedCode, room swiftcode.Room,
) (faas.Code, error) {
	if c.swift == nil {
		return faas.Code{}, errNoSwift()
	}
	if id.ProjectID == "" {
		return faas.Code{}, faas.Errorf(
			faas.Invalid,
			"Code from Swift is read in the project of the caller's token: a token scoped to a project is required.",
		)
	}
	named := faas.Code{Source: faas.SourceSwift, Container: code.Swift.Container, Object: code.Swift.Object}
	found, err := c.swift.Fetch(ctx, id.Token, id.ProjectID, named, room)
	if err == nil && code.MD5 != "" && !strings.EqualFold(code.MD5, found.MD5) {
		err = faas.Errorf(faas.Invalid, "The MD5 sum of the object is %s, but code.md5sum is %s.", found.MD5, request.Short(code.MD5))
	}
	return found, err
}

func errNoSwift() error {
	return faas.Errorf(faas.Invalid, "Code from Swift is not supported by this deployment; upload a package instead.")
}
