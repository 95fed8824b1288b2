package api

import (
	"encoding/json"
	"net/http"
	"regexp"

	"github.com/openstack-faas/faas/internal/api/fields"
	"github.com/openstack-faas/faas/internal/api/request"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/outbound"
	"github.com/openstack-faas/faas/internal/store"
)

// destinationFields returns where the outcomes of a function's executions are to be taken; nil for
// what is not set. Functions that are named must be there.
func (h *functionHandlers) destinationFields(
	r *http.Request, id faas.Identity, o *fields.Object,
) (success, failure *faas.Destination) {
	one := func(name string) *faas.Destination {
		d := destinationField(r, id, o, name, h.store.FunctionID)
		if d == nil || d.Calls == (faas.FunctionRef{}) || o.Wrong != nil {
			return d
		}
		_, err := h.store.Resolve(r.Context(), faas.ProjectScope(id), d.Calls)
		if faas.KindOf(err) == faas.NotFound { // the request is wrong and not its path
			o.Refuse("%s: %s", name, faas.Said(err))
		} else if err != nil {
			o.Wrong = err
		}
		return d
	}
	return one("on_success"), one("on_failure")
}

// queueForm is what Zaqar takes for the name of a queue.
var queueForm = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// destinationField returns a destination, which forms write as the JSON text of an object; nil when
// it is not set. null and an empty text are none.
func destinationField(
	r *http.Request, id faas.Identity, o *fields.Object, name string, find request.ByName,
) *faas.Destination {
	raw, ok := o.Fields[name]
	if !ok {
		return nil
	}
	var text string
	if json.Unmarshal(raw, &text) == nil && string(raw) != "null" {
		raw = json.RawMessage(text)
	}
	if len(raw) == 0 || string(raw) == "null" {
		return &faas.Destination{}
	}
	in, err := fields.ParseObject(raw, "function_id", "function_version", "function_alias", "queue", "url")
	if err != nil {
		o.Refuse("%s: %s", name, faas.Said(err))
		return nil
	}
	d, kinds := faas.Destination{Queue: in.Line("queue"), URL: fields.ValueOr(in.Text("url", maxURL), "")}, 0
	for _, field := range []string{"function_id", "function_alias", "queue", "url"} {
		if raw, set := in.Get(field); set && string(raw) != `""` {
			kinds++
		}
	}
	_, version := in.Get("function_version")
	switch {
	case in.Wrong != nil:
	case kinds != 1 || version && (d.Queue != "" || d.URL != ""):
		in.Refuse("it must have one of function_id (with or without function_version), function_alias, queue and url.")
	case d.Queue != "" && !queueForm.MatchString(d.Queue):
		in.Refuse("queue must be the name of a queue: 1 to 64 letters, digits, underscores and hyphens; it is %q.", request.Short(d.Queue))
	case d.URL != "":
		_, in.Wrong = outbound.Parse(d.URL)
	case d.Queue == "":
		d.Calls = fields.FunctionRef(r, id, in, find)
	}
	switch {
	case in.Wrong == nil:
	case faas.KindOf(in.Wrong) == faas.Invalid || faas.KindOf(in.Wrong) == faas.NotFound:
		o.Refuse("%s: %s", name, faas.Said(in.Wrong))
	case o.Wrong == nil:
		o.Wrong = in.Wrong
	}
	return &d
}

// maxURL is how many letters a URL may have.
const maxURL = 2048

// mayDeliver refuses a function that cannot take outcomes where it says.
func mayDeliver(f faas.Function) error {
	const refusal = "%s: the function has no roles, and can not send to a queue without them."
	switch {
	case f.TrustID != "":
	case f.OnSuccess.Queue != "":
		return faas.Errorf(faas.Invalid, refusal, "on_success")
	case f.OnFailure.Queue != "":
		return faas.Errorf(faas.Invalid, refusal, "on_failure")
	}
	return nil
}

// changed returns what decides, of a function after a change, whether it may deliver.
func changed(f faas.Function, c store.FunctionChange) faas.Function {
	f.OnSuccess, f.OnFailure = fields.ValueOr(c.OnSuccess, f.OnSuccess), fields.ValueOr(c.OnFailure, f.OnFailure)
	if c.Trust != nil {
		f.TrustID = c.Trust.ID
	}
	return f
}

// destinationView is a destination; what it does not have is left out.
type destinationView struct {
	FunctionID    *string `json:"function_id,omitempty"`
	Version       *int    `json:"function_version,omitempty"`
	FunctionAlias *string `json:"function_alias,omitempty"`
	Queue         *string `json:"queue,omitempty"`
	URL           *string `json:"url,omitempty"`
}

func viewDestination(d faas.Destination) *destinationView {
	if d.None() {
		return nil
	}
	v := &destinationView{
		FunctionID: orNull(d.Calls.FunctionID), FunctionAlias: orNull(d.Calls.Alias), Queue: orNull(d.Queue), URL: orNull(d.URL),
	}
	if d.Calls.FunctionID != "" {
		v.Version = &d.Calls.Version
	}
	return v
}
