package fields

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime/multipart"
	"strings"
	"testing"

	"github.com/openstack-faas/faas/internal/faas"
)

// free is room without bounds.
func free(dir string) room {
	return room{dir, func() (func(), error) { return func() {}, nil }}
}

func TestSpoolHoldsSmallAndLargePackages(t *testing.T) {
	for _, size := range []int{0, 1, SpoolInMemory - 1, SpoolInMemory, SpoolInMemory + 1, 3 * SpoolInMemory} {
		content := bytes.Repeat([]byte("x"), size)
		dir := t.TempDir()
		s := &Spool{room: free(dir)}
		if err := s.fill(bytes.NewReader(content)); err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(io.NewSectionReader(s.Content(), 0, s.Size))
		if err != nil || !bytes.Equal(got, content) || s.Size != int64(size) {
			t.Errorf("%d bytes came back as %d: %v", size, len(got), err)
		}
		if (s.file != nil) != (size >= SpoolInMemory) {
			t.Errorf("%d bytes: file %v", size, s.file)
		}
		s.Close()
	}
}

// endless counts what was read of it.
type endless struct{ read int64 }

// Read never ends.
func (e *endless) Read(p []byte) (int, error) {
	e.read += int64(len(p))
	return len(p), nil
}

func TestSpoolStopsReadingWhatIsTooLarge(t *testing.T) {
	source := &endless{}
	s := &Spool{room: free(t.TempDir())}
	defer s.Close()
	err := s.fill(source)
	if faas.KindOf(err) != faas.TooLarge {
		t.Errorf("got %v", err)
	}
	if source.read > faas.MaxPackageSize+1<<20 {
		t.Errorf("%d bytes were read", source.read)
	}
}

func TestSpoolWithoutRoom(t *testing.T) {
	s := &Spool{room: free("/nonexistent")}
	err := s.fill(bytes.NewReader(make([]byte, 2*SpoolInMemory)))
	if faas.KindOf(err) != faas.Unavailable {
		t.Errorf("got %v", err)
	}
}

// fieldPart is one part of a form; a package is named so.
type fieldPart struct{ name, value string }

// multipartOf writes a form and returns it with its type.
func multipartOf(t testing.TB, parts []fieldPart) (body, contentType string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, p := range parts {
		create := w.CreateFormField
		if p.name == PackageField {
			create = func(name string) (io.Writer, error) { return w.CreateFormFile(name, "code.zip") }
		}
		to, err := create(p.name)
		if err == nil {
			_, err = io.WriteString(to, p.value)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String(), w.FormDataContentType()
}

func TestFormPartsComeInAnyOrder(t *testing.T) {
	for _, parts := range [][]fieldPart{
		{{"name", "a"}, {"package", "bytes"}, {"cpu", "100"}},
		{{"package", "bytes"}, {"cpu", "100"}, {"name", "a"}},
	} {
		body, contentType := multipartOf(t, parts)
		f := &Form{Object: Object{Fields: map[string]json.RawMessage{}}}
		_, boundary, _ := strings.Cut(contentType, "boundary=")
		if err := f.readMultipart(strings.NewReader(body), boundary, free(t.TempDir())); err != nil {
			t.Fatal(err)
		}
		if *f.Text("name", 10) != "a" || *f.Number("cpu", "", 0, 1000) != 100 || f.Pack == nil || f.Pack.Size != 5 {
			t.Errorf("got %s", f.Fields)
		}
		f.Close()
	}
}

func FuzzReadMultipart(f *testing.F) {
	for _, parts := range [][]fieldPart{{{"name", "a"}, {"package", "bytes"}}, {{"a", "b"}, {"a", "c"}}, {}} {
		body, contentType := multipartOf(f, parts)
		_, boundary, _ := strings.Cut(contentType, "boundary=")
		f.Add([]byte(body), boundary)
		f.Add([]byte(body)[:len(body)/2], boundary)
	}
	f.Add([]byte("--x\r\nContent-Disposition: form-data; name=\"a\"; filename=\"b\"\r\n\r\nc\r\n--x--"), "x")
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, body []byte, boundary string) {
		read := &Form{Object: Object{Fields: map[string]json.RawMessage{}}}
		defer read.Close()
		err := read.readMultipart(bytes.NewReader(body), boundary, free(dir))
		var known *faas.Error
		if err != nil && (!errors.As(err, &known) || known.Kind == faas.Internal) {
			t.Errorf("a strange form is not our failure: %v", err)
		}
		for name, raw := range read.Fields {
			if !json.Valid(raw) || name == PackageField {
				t.Errorf("field %q is %s", name, raw)
			}
		}
	})
}
