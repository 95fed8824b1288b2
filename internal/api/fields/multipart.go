package fields

import (
	"encoding/json"
	"errors"
	"io"
	"mime/multipart"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/openstack-faas/faas/internal/api/request"
	"github.com/openstack-faas/faas/internal/faas"
)

// readMultipart takes the parts as they arrive, in whatever order. A package that is too large for
// memory goes where the room is.
func (f *Form) readMultipart(body io.Reader, boundary string, large room) error {
	if boundary == "" {
		return faas.Errorf(faas.Invalid, "The Content-Type multipart/form-data has no boundary.")
	}
	parts := multipart.NewReader(body, boundary)
	extra := int64(0)
	for count := 0; ; count++ {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) && count > 0 {
			return nil
		}
		if errors.Is(err, io.EOF) {
			return faas.Errorf(faas.Invalid, "The multipart form has no parts.")
		}
		if err != nil {
			return cutOff(err)
		}
		n, err := f.readPart(part, large)
		if err != nil {
			return err
		}
		if extra += n; extra > maxFormExtra {
			return faas.Errorf(faas.TooLarge, "The form's fields are larger than %d bytes together.", maxFormExtra)
		}
	}
}

// readPart takes one part and returns how many bytes it had that were not the package's.
func (f *Form) readPart(part *multipart.Part, large room) (int64, error) {
	name := part.FormName()
	if name == PackageField {
		return 0, f.readPackage(part, large)
	}
	if part.FileName() != "" {
		return 0, faas.Errorf(
			faas.Invalid, "The form has a file in the field %q; only the field package may be a file.", request.Short(name),
		)
	}
	text, err := io.ReadAll(io.LimitReader(part, maxFieldSize+1))
	if err != nil {
		return 0, cutOff(err)
	}
	if len(text) > maxFieldSize {
		return 0, faas.Errorf(
			faas.TooLarge, "The form's field %q is larger than %d bytes.", request.Short(name), maxFieldSize)
	}
	return int64(len(name) + len(text)), f.set(name, string(text))
}

func (f *Form) readPackage(part io.Reader, large room) error {
	if f.Pack != nil {
		return faas.Errorf(faas.Invalid, "The form has more than one package.")
	}
	f.Pack = &Spool{room: large}
	err := f.Pack.fill(part)
	var known *faas.Error
	if err != nil && !errors.As(err, &known) {
		return cutOff(err)
	}
	return err
}

func cutOff(err error) error {
	var known *faas.Error
	if errors.As(err, &known) {
		return known
	}
	return faas.Errorf(faas.Invalid, "The multipart form is malformed or was cut off.").WithCause(err)
}

// set keeps a field as the JSON that it would have been.
func (f *Form) set(name, text string) error {
	if _, twice := f.Fields[name]; twice {
		return faas.Errorf(faas.Invalid, "The form has the field %q more than once.", request.Short(name))
	}
	if !utf8.ValidString(text) || !utf8.ValidString(name) {
		return faas.Errorf(faas.Invalid, "The form's field %q is not UTF-8.",
			request.Short(strings.ToValidUTF8(name, "\uFFFD")))
	}
	raw, err := json.Marshal(text)
	if err != nil {
		return err
	}
	f.Fields[name] = raw
	return nil
}

// only refuses fields that are not among the known; a package is one of its own.
func (f *Form) only(known []string) error {
	if f.Pack != nil && !slices.Contains(known, PackageField) {
		return faas.Errorf(faas.Invalid, "This request takes no package.")
	}
	if _, set := f.Fields[PackageField]; set {
		return faas.Errorf(faas.Invalid, "package must be a file in a multipart/form-data body.")
	}
	return f.Object.only(known)
}
