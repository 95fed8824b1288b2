package api

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gorilla/mux"

	"github.com/openstack-faas/faas/internal/faas"
)

// byName returns the id of the one thing of a project with the name: a method of the store. The
// error's kind is faas.NotFound when there is none, faas.Conflict when there are several.
type byName func(ctx context.Context, projectID, name string) (string, error)

// takesNames reports whether the request may name things where it may give their ids.
func takesNames(r *http.Request) bool { return infoOf(r).version.AtLeast(v16) }

// resolve returns the id that a text is or stands for; what says where the text is, for messages.
// Text that has the form of an id is one, whatever there is of that name. Names are looked up in the
// caller's own project alone, whoever the caller is.
func resolve(r *http.Request, id faas.Identity, what, text string, find byName) (string, error) {
	switch {
	case faas.IsID(text):
		return strings.ToLower(text), nil
	case !takesNames(r):
		return "", faas.Errorf(faas.Invalid, "%s must be a UUID; it is %q.", what, short(text))
	case !isName(text):
		return "", faas.Errorf(
			faas.Invalid, "%s must be a UUID, or a name of 1 to %d characters without control characters; it is %q.", what,
			maxLine, short(text),
		)
	}
	return find(r.Context(), id.ProjectID, text)
}

// isName reports whether anything may have the name.
func isName(text string) bool {
	return text != "" && utf8.ValidString(text) && utf8.RuneCountInString(text) <= maxLine &&
		!strings.ContainsFunc(text, func(c rune) bool { return unicode.IsControl(c) && c != '\n' && c != '\t' })
}

// pathIDOrName returns the id of what the request's path names.
func pathIDOrName(r *http.Request, id faas.Identity, find byName) (string, error) {
	return resolve(r, id, "The id in the path", mux.Vars(r)["id"], find)
}

// idOrName returns the id of what a field names; "" when it is not set or empty. It asks nothing of
// the store for a request that is wrong already.
func (o *object) idOrName(r *http.Request, id faas.Identity, name string, find byName) string {
	if !takesNames(r) {
		return o.id(name)
	}
	raw, ok := o.get(name)
	if !ok {
		return ""
	}
	var text string
	if json.Unmarshal(raw, &text) != nil {
		o.refuse("%s must be a UUID or a name; it is %s.", name, short(string(raw)))
		return ""
	}
	if text == "" || o.wrong != nil {
		return ""
	}
	found, err := resolve(r, id, name, text, find)
	if err != nil {
		o.wrong = err
	}
	return found
}

// pathName returns the name of an alias in the request's path; what no alias can be called is
// faas.NotFound, as any name that none has.
func pathName(r *http.Request) (string, error) {
	name := mux.Vars(r)["name"]
	if !isName(name) {
		return "", faas.Errorf(faas.NotFound, "Function alias %q can not be found.", short(name))
	}
	return name, nil
}
