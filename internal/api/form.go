package api

import (
	"encoding/json"
	"mime"
	"net/http"
	"net/url"

	"github.com/openstack-faas/faas/internal/codestore"
	"github.com/openstack-faas/faas/internal/faas"
)

// form is what a request for a function brings: fields and, perhaps, a package.
type form struct {
	object
	pack *spool // nil when there was none
}

// Bounds of a multipart form besides those of its package.
const (
	maxFieldSize = 64 << 10 // bytes of one field's value
	maxFormExtra = 1 << 20  // bytes of a form that are not the package's
)

// packageField is the form's field for the file.
const packageField = "package"

// forms reads the requests for functions.
type forms struct {
	bodies
	spoolDir string            // for packages too large for memory; "" is the system's temporary folder
	uploads  *codestore.Places // of packages in files
}

// read takes a form in any of the shapes in which clients send functions: multipart with a
// package, urlencoded, JSON, or nothing at all. A large package counts among those of the caller's
// project. The caller closes what it returns.
func (fs forms) read(r *http.Request, id faas.Identity, known ...string) (*form, error) {
	media, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil && r.Header.Get("Content-Type") != "" {
		return nil, faas.Errorf(faas.UnsupportedMedia, "The Content-Type %q is malformed.",
			short(r.Header.Get("Content-Type"))).WithCause(err)
	}
	f := &form{object: object{fields: map[string]json.RawMessage{}}}
	switch media {
	case "multipart/form-data":
		if r.ContentLength > faas.MaxPackageSize+maxFormExtra {
			return nil, packageTooLarge()
		}
		err = f.readMultipart(
			r.Body, params["boundary"],
			room{fs.spoolDir, func() (func(), error) { return fs.uploads.Take(r.Context(), id.ProjectID) }},
		)
	case "application/x-www-form-urlencoded":
		err = fs.readURLEncoded(f, r)
	case "application/json":
		var o *object
		if o, err = fs.readObject(r, known...); err == nil {
			f.object = *o
		}
	case "":
		err = fs.readNothing(r)
	default:
		err = faas.Errorf(
			faas.UnsupportedMedia,
			"The body must be multipart/form-data, application/x-www-form-urlencoded or application/json; it is %s.",
			short(media),
		)
	}
	if err == nil {
		err = f.only(known)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// Close forgets the package.
func (f *form) Close() { f.pack.Close() }

// readNothing accepts a request that sets nothing, which clients send without a type.
func (fs forms) readNothing(r *http.Request) error {
	body, err := fs.bodies.read(r)
	if err == nil && len(body) > 0 {
		err = faas.Errorf(faas.UnsupportedMedia, "The body has no Content-Type; send one, as in application/json.")
	}
	return err
}

func (fs forms) readURLEncoded(f *form, r *http.Request) error {
	body, err := fs.bodies.read(r)
	if err != nil {
		return err
	}
	values, err := url.ParseQuery(string(body))
	if err != nil {
		return faas.Errorf(
			faas.Invalid, "The form is malformed: it must be fields as in a=1&b=2, with reserved characters written as %%XX.",
		).WithCause(err)
	}
	for name, texts := range values {
		for _, text := range texts {
			if err := f.set(name, text); err != nil {
				return err
			}
		}
	}
	return nil
}
