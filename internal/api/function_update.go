package api

import (
	"context"
	"net/http"

	"github.com/openstack-faas/faas/internal/api/fields"
	"github.com/openstack-faas/faas/internal/api/request"
	"github.com/openstack-faas/faas/internal/api/trusts"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/notify"
	"github.com/openstack-faas/faas/internal/store"
)

// update is PUT /v1/functions/{id}. Old clients send code as an object in one field, or its
// parts source and md5sum as fields of their own; both mean the same.
func (h *functionHandlers) update(r *http.Request, id faas.Identity) (any, error) {
	functionID, err := request.PathIDOrName(r, id, h.store.FunctionID)
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
		fields.PackageField,
	}
	f, err := h.forms.Read(r, id, functionFields(r, known)...)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	change := changeOf(f, h.limits.get())
	code, roles := changedCodeField(f, codeFieldsOf(r)), trusts.RolesField(&f.Object)
	change.OnSuccess, change.OnFailure = h.destinationFields(r, id, &f.Object)
	change.Retention = retentionField(&f.Object)
	environment, secrets := environmentField(&f.Object), secretsField(&f.Object)
	if err := f.Fault(); err != nil {
		return nil, err
	}
	before, err := h.store.Function(r.Context(), faas.ProjectScope(id), functionID)
	if err != nil {
		return nil, err
	}
	if err = h.quota.mayRetain(r.Context(), before.ProjectID, change.Retention); err != nil {
		return nil, err
	}
	if err = h.changeVariables(before, &change, environment, secrets); err != nil {
		return nil, err
	}
	if change.Code, err = h.code.forChange(r.Context(), id, before, code, f.Pack); err != nil {
		return nil, err
	}
	if change.Code != nil && change.Code.Source == faas.SourceImage {
		if access := h.code.images.accessAfter(before, code); access != before.Registry {
			change.Registry = &access
		}
	}
	if change.Code != nil {
		if change.Quota, err = h.quota.limits(r.Context(), before.ProjectID); err != nil {
			return nil, err
		}
	}
	after, err := h.recordChange(r.Context(), id, before, change, roles)
	if err != nil {
		return nil, err
	}
	if after.Revision != before.Revision {
		h.announce(r, faas.FunctionChanged{FunctionID: functionID, Revision: after.Revision})
		h.expectCall(r, after)
	}
	h.tell(r, notify.FunctionUpdate, id, after)
	return functionViewer(r)(after), nil
}

// recordChange records the change, and with new roles or another's code a new trust: that of the
// caller takes the place of the one before.
func (h *functionHandlers) recordChange(
	ctx context.Context, id faas.Identity, before faas.Function, change store.FunctionChange, roles *[]string,
) (faas.Function, error) {
	var err error
	if change.Trust, err = h.trusts.Changed(ctx, id, before, change, roles); err != nil {
		return before, err
	}
	if trusts.ChangesCode(before, change) {
		change.ActsBy = &before.TrustID // or the code would meet a trust that another gives the function meanwhile
	}
	if change.Trust != nil {
		change.Revision = before.Revision // or the trust would meet code that another puts there meanwhile
	}
	after := before
	if err = mayDeliver(changed(before, change)); err == nil {
		after, err = h.store.UpdateFunction(ctx, faas.ProjectScope(id), before.ID, change)
	}
	switch {
	case change.Trust == nil:
	case err != nil:
		h.trusts.Withdraw(ctx, change.Trust.ID, err)
	case before.TrustID != after.TrustID:
		h.trusts.Unuse(ctx, before.TrustID)
	}
	return after, err
}
