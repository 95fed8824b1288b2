package request

import (
	"context"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gorilla/mux"

	"github.com/openstack-faas/faas/internal/faas"
)

// ByName returns the id of the one thing of a project with the name: a method of the store. The
// error's kind is faas.NotFound when there is none, faas.Conflict when there are several.
type ByName func(ctx context.Context, projectID, name string) (string, error)

// TakesNames reports whether the request may name things where it may give their ids.
func TakesNames(r *http.Request) bool { return Of(r).Version.AtLeast(V16) }

// Resolve returns the id that a text is or stands for; what says where the text is, for messages.
// Text that has the form of an id is one, whatever there is of that name. Names are looked up in
// the caller's own project alone, whoever the caller is.
func Resolve(r *http.Request, id faas.Identity, what, text string, find ByName) (string, error) {
	switch {
	case faas.IsID(text):
		return strings.ToLower(text), nil
	case !TakesNames(r):
		return "", faas.Errorf(faas.Invalid, "%s must be a UUID; it is %q.", what, Short(text))
	case !isName(text):
		return "", faas.Errorf(
			faas.Invalid, "%s must be a UUID, or a name of 1 to %d characters without control characters; it is %q.", what,
			faas.MaxNameLength, Short(text),
		)
	}
	return find(r.Context(), id.ProjectID, text)
}

// isName reports whether anything may have the name.
func isName(text string) bool {
	return text != "" && utf8.ValidString(text) && utf8.RuneCountInString(text) <= faas.MaxNameLength &&
		!strings.ContainsFunc(text, func(c rune) bool { return unicode.IsControl(c) && c != '\n' && c != '\t' })
}

// PathIDOrName returns the id of what the request's path names.
func PathIDOrName(r *http.Request, id faas.Identity, find ByName) (string, error) {
	return Resolve(r, id, "The id in the path", mux.Vars(r)["id"], find)
}

// PathName returns the name of an alias in the request's path; what no alias can be called is
// faas.NotFound, as any name that none has.
func PathName(r *http.Request) (string, error) {
	name := mux.Vars(r)["name"]
	if !isName(name) {
		return "", faas.Errorf(faas.NotFound, "Function alias %q can not be found.", Short(name))
	}
	return name, nil
}
