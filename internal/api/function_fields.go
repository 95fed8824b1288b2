package api

import (
	"math"
	"net/http"
	"regexp"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

// entryForm is module.function, where the module may be in packages: letters that file names and
// identifiers share.
var entryForm = regexp.MustCompile(`^[\p{L}_$][\p{L}\p{N}_$-]*(\.[\p{L}_$][\p{L}\p{N}_$-]*)+$`)

func entryField(o *object) *string {
	entry := o.text("entry", faas.MaxEntryLength)
	if entry != nil && !entryForm.MatchString(*entry) {
		o.refuse("entry must be module.function, as in main.main; it is %q.", short(*entry))
	}
	return entry
}

// cpuField returns millicores, nil when they are not set.
func cpuField(o *object, l faas.Limits) *int {
	n := o.number("cpu", " millicores", l.CPU.Min, l.CPU.Max)
	if n == nil || *n > math.MaxInt32 {
		return nil
	}
	cpu := int(*n)
	return &cpu
}

func memorySizeField(o *object, l faas.Limits) *int64 {
	return o.number("memory_size", " bytes", l.Memory.Min, l.Memory.Max)
}

func timeoutField(o *object, l faas.Limits) *time.Duration {
	n := o.number("timeout", " seconds", l.Timeout.Min, l.Timeout.Max)
	if n == nil {
		return nil
	}
	timeout := time.Duration(*n) * time.Second
	return &timeout
}

// runtimeField returns the id of a new function's runtime; "" when it is not set.
func runtimeField(r *http.Request, id faas.Identity, o *object, find byName) string {
	runtimeID := o.idOrName(r, id, "runtime_id", find)
	if faas.KindOf(o.wrong) == faas.NotFound { // as with an id, the request is wrong and not its path
		o.wrong = faas.Errorf(faas.Invalid, "runtime_id: %s", o.wrong)
	}
	return runtimeID
}

// changeOf returns what the form sets, the code apart.
func changeOf(f *form, l faas.Limits) store.FunctionChange {
	o := &f.object
	return store.FunctionChange{
		Name: o.text("name", maxLine), Description: o.text("description", maxLine), Entry: entryField(o),
		CPU: cpuField(o, l), MemorySize: memorySizeField(o, l), Timeout: timeoutField(o, l),
	}
}

// functionFields adds to the fields of a function those that its microversion has.
func functionFields(r *http.Request, known []string) []string {
	known = fieldsSince(r, v110, fieldsSince(r, v11, known, "roles"), "on_success", "on_failure")
	known = fieldsSince(r, v114, known, "environment", "secrets")
	return fieldsSince(r, v115, known, "retention")
}

// fieldsSince adds what a microversion has brought to the fields of a form.
func fieldsSince(r *http.Request, since Microversion, fields []string, more ...string) []string {
	if !infoOf(r).version.AtLeast(since) {
		return fields
	}
	return append(fields, more...)
}
