package api

import (
	"context"
	"net/http"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/notify"
	"github.com/openstack-faas/faas/internal/store"
)

// updateFunction is PUT /v1/functions/{id}. Old clients send code as an object in one field, or its
// parts source and md5sum as fields of their own; both mean the same.
func (s *Server) updateFunction(r *http.Request, id faas.Identity) (any, error) {
	functionID, err := pathID(r)
	if err != nil {
		return nil, err
	}
	known := []string{
		"name",
		"description",
		"entry",
		"cpu",
		"memory_size",
		"timeout",
		"code",
		"source",
		"md5sum",
		packageField,
	}
	f, err := s.readForm(r, id, fieldsSince(r, v11, known, "roles")...)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	change := f.change(s.cfg.Limits)
	code, roles := f.changedCode(), f.roles()
	if err := f.fault(); err != nil {
		return nil, err
	}
	before, err := s.cfg.Store.Function(r.Context(), faas.ProjectScope(id), functionID)
	if err != nil {
		return nil, err
	}
	if change.Code, err = s.changeCode(r.Context(), id, before, code, f.pack); err != nil {
		return nil, err
	}
	if change.Code != nil {
		if change.Quota, err = s.quotaOf(r.Context(), before.ProjectID); err != nil {
			return nil, err
		}
	}
	after, err := s.recordChange(r.Context(), id, before, change, roles)
	if err != nil {
		return nil, err
	}
	if after.Revision != before.Revision {
		s.announceFunction(r, faas.FunctionChanged{FunctionID: functionID, Revision: after.Revision})
	}
	s.tellOf(r, notify.FunctionUpdate, id, after)
	return functionViewer(r)(after), nil
}

// recordChange records the change, and with new roles or another's code a new trust: that of the
// caller takes the place of the one before.
func (s *Server) recordChange(
	ctx context.Context, id faas.Identity, before faas.Function, change store.FunctionChange, roles *[]string,
) (faas.Function, error) {
	var err error
	if change.Trust, err = s.changedTrust(ctx, id, before, change, roles); err != nil {
		return before, err
	}
	if changesCode(before, change) {
		change.ActsBy = &before.TrustID // or the code would meet a trust that another gives the function meanwhile
	}
	if change.Trust != nil {
		change.Revision = before.Revision // or the trust would meet code that another puts there meanwhile
	}
	after, err := s.cfg.Store.UpdateFunction(ctx, faas.ProjectScope(id), before.ID, change)
	switch {
	case change.Trust == nil:
	case err != nil:
		s.withdraw(ctx, change.Trust.ID, err)
	case before.TrustID != after.TrustID:
		s.deleteTrust(ctx, before.TrustID)
	}
	return after, err
}

// change returns what the form sets, the code apart.
func (f *form) change(l faas.Limits) store.FunctionChange {
	return store.FunctionChange{
		Name: f.text("name", maxLine), Description: f.text("description", maxLine), Entry: f.entry(),
		CPU: f.cpu(l), MemorySize: f.memorySize(l), Timeout: f.timeout(l),
	}
}

// changedCode returns what the form says of the code in either way; nil when it says nothing.
func (f *form) changedCode() *askedCode {
	code := f.code()
	source, md5 := f.text("source", maxQuoted), f.text("md5sum", maxQuoted)
	if source == nil && md5 == nil {
		return code
	}
	if code != nil {
		f.refuse("The form has code and also source or md5sum; send either code or the other two.")
		return nil
	}
	code = &askedCode{Source: valueOr(source, string(faas.SourcePackage)), MD5: valueOr(md5, "")}
	if fault := code.fault(); fault != "" {
		f.refuse("%s", fault)
	}
	return code
}

// changeCode keeps the new package, if there is one; nil means that the code stays.
func (s *Server) changeCode(
	ctx context.Context, id faas.Identity, before faas.Function, code *askedCode, pack *spool,
) (*faas.Code, error) {
	if code != nil && faas.CodeSource(code.Source) != before.Code.Source {
		return nil, faas.Errorf(
			faas.Invalid, "The source of a function's code can not be changed; that of function %s is %s.", before.ID,
			before.Code.Source,
		)
	}
	if code != nil && before.Code.Source == faas.SourceImage && pack == nil {
		changed := code.ofImage()
		return &changed, s.allowedImage(code.Image)
	}
	room := s.roomForPackage(before.ProjectID, before.Code.Size)
	if code != nil && before.Code.Source == faas.SourceSwift && pack == nil {
		changed, err := s.object(ctx, id, code, room)
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
	kept, err := s.keepPackage(ctx, pack, md5, room)
	return &kept, err
}
