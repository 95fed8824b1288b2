package fields

import (
	"encoding/json"
	"mime"
	"net/http"
	"net/url"

	"github.com/openstack-faas/faas/internal/api/request"
	"github.com/openstack-faas/faas/internal/codestore"
	"github.com/openstack-faas/faas/internal/faas"
)

// Form is what a request for a function brings: fields and, perhaps, a package.
type Form struct {
	Object
	Pack *Spool // nil when there was none
}

// Bounds of a multipart form besides those of its package.
const (
	maxFieldSize = 64 << 10 // bytes of one field's value
	maxFormExtra = 1 << 20  // bytes of a form that are not the package's
)

// PackageField is the form's field for the file.
const PackageField = "package"

// Forms reads the requests for functions.
type Forms struct {
	Bodies
	SpoolDir string            // for packages too large for memory; "" is the system's temporary folder
	Uploads  *codestore.Places // of packages in files
}

// Read takes a form in any of the shapes in which clients send functions: multipart with a
// package, urlencoded, JSON, or nothing at all. A large package counts among those of the caller's
// project. The caller closes what it returns.
func (fs Forms) Read(r *http.Request, id faas.Identity, known ...string) (*Form, error) {
	media, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil && r.Header.Get("Content-Type") != "" {
		return nil, faas.Errorf(faas.UnsupportedMedia, "The Content-Type %q is malformed.",
			request.Short(r.Header.Get("Content-Type"))).WithCause(err)
	}
	f := &Form{Object: Object{Fields: map[string]json.RawMessage{}}}
	switch media {
	case "multipart/form-data":
		if r.ContentLength > faas.MaxPackageSize+maxFormExtra {
			return nil, packageTooLarge()
		}
		err = f.readMultipart(
			r.Body, params["boundary"],
			room{fs.SpoolDir, func() (func(), error) { return fs.Uploads.Take(r.Context(), id.ProjectID) }},
		)
	case "application/x-www-form-urlencoded":
		err = fs.readURLEncoded(f, r)
	case "application/json":
		var o *Object
		if o, err = fs.ReadObject(r, known...); err == nil {
			f.Object = *o
		}
	case "":
		err = fs.readNothing(r)
	default:
		err = faas.Errorf(
			faas.UnsupportedMedia,
			"The body must be multipart/form-data, application/x-www-form-urlencoded or application/json; it is %s.",
			request.Short(media),
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
func (f *Form) Close() { f.Pack.Close() }

// readNothing accepts a request that sets nothing, which clients send without a type.
func (fs Forms) readNothing(r *http.Request) error {
	body, err := fs.Bodies.Read(r)
	if err == nil && len(body) > 0 {
		err = faas.Errorf(faas.UnsupportedMedia, "The body has no Content-Type; send one, as in application/json.")
	}
	return err
}

func (fs Forms) readURLEncoded(f *Form, r *http.Request) error {
	body, err := fs.Bodies.Read(r)
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
