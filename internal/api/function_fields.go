package api

import (
	"math"
	"net/http"
	"regexp"
	"time"

	"github.com/openstack-faas/faas/internal/api/fields"
	"github.com/openstack-faas/faas/internal/api/request"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

// entryForm is module.function, where the module may be in packages: letters that file names and
// identifiers share.
var entryForm = regexp.MustCompile(`^[\p{L}_$][\p{L}\p{N}_$-]*(\.[\p{L}_$][\p{L}\p{N}_$-]*)+$`)

func entryField(o *fields.Object) *string {
	entry := o.Text("entry", faas.MaxEntryLength)
	if entry != nil && !entryForm.MatchString(*entry) {
		o.Refuse("entry must be module.function, as in main.main; it is %q.", request.Short(*entry))
	}
	return entry
}

// cpuField returns millicores, nil when they are not set.
func cpuField(o *fields.Object, l faas.Limits) *int {
	n := o.Number("cpu", " millicores", l.CPU.Min, l.CPU.Max)
	if n == nil || *n > math.MaxInt32 {
		return nil
	}
	cpu := int(*n)
	return &cpu
}

func memorySizeField(o *fields.Object, l faas.Limits) *int64 {
	return o.Number("memory_size", " bytes", l.Memory.Min, l.Memory.Max)
}

func timeoutField(o *fields.Object, l faas.Limits) *time.Duration {
	n := o.Number("timeout", " seconds", l.Timeout.Min, l.Timeout.Max)
	if n == nil {
		return nil
	}
	timeout := time.Duration(*n) * time.Second
	return &timeout
}

// runtimeField returns the id of a new function's runtime; "" when it is not set.
func runtimeField(r *http.Request, id faas.Identity, o *fields.Object, find request.ByName) string {
	runtimeID := o.IDOrName(r, id, "runtime_id", find)
	if faas.KindOf(o.Wrong) == faas.NotFound { // as with an id, the request is wrong and not its path
		o.Wrong = faas.Errorf(faas.Invalid, "runtime_id: %s", o.Wrong)
	}
	return runtimeID
}

// changeOf returns what the form sets, the code apart.
func changeOf(f *fields.Form, l faas.Limits) store.FunctionChange {
	o := &f.Object
	return store.FunctionChange{
		Name: o.Text("name", fields.MaxLine), Description: o.Text("description", fields.MaxLine), Entry: entryField(o),
		CPU: cpuField(o, l), MemorySize: memorySizeField(o, l), Timeout: timeoutField(o, l),
	}
}

// functionFields adds to the fields of a function those that its microversion has.
func functionFields(r *http.Request, known []string) []string {
	known = fieldsSince(r, request.V110, fieldsSince(r, request.V11, known, "roles"), "on_success", "on_failure")
	known = fieldsSince(r, request.V114, known, "environment", "secrets")
	return fieldsSince(r, request.V115, known, "retention")
}

// fieldsSince adds what a microversion has brought to the fields of a form.
func fieldsSince(r *http.Request, since request.Microversion, fields []string, more ...string) []string {
	if !request.Of(r).Version.AtLeast(since) {
		return fields
	}
	return append(fields, more...)
}
