package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/openstack-faas/faas/internal/faas"
)

// free is room without bounds.
func free(dir string) room {
	return room{dir, func() (func(), error) { return func() {}, nil }}
}

func TestSpoolHoldsSmallAndLargePackages(t *testing.T) {
	for _, size := range []int{0, 1, spoolInMemory - 1, spoolInMemory, spoolInMemory + 1, 3 * spoolInMemory} {
		content := bytes.Repeat([]byte("x"), size)
		dir := t.TempDir()
		s := &spool{room: free(dir)}
		if err := s.fill(bytes.NewReader(content)); err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(io.NewSectionReader(s.content(), 0, s.size))
		if err != nil || !bytes.Equal(got, content) || s.size != int64(size) {
			t.Errorf("%d bytes came back as %d: %v", size, len(got), err)
		}
		if (s.file != nil) != (size >= spoolInMemory) {
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
	s := &spool{room: free(t.TempDir())}
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
	s := &spool{room: free("/nonexistent")}
	err := s.fill(bytes.NewReader(make([]byte, 2*spoolInMemory)))
	if faas.KindOf(err) != faas.Unavailable {
		t.Errorf("got %v", err)
	}
}

func TestFormPartsComeInAnyOrder(t *testing.T) {
	for _, fields := range [][]field{
		{{"name", "a"}, {"package", "bytes"}, {"cpu", "100"}},
		{{"package", "bytes"}, {"cpu", "100"}, {"name", "a"}},
	} {
		body, contentType := formOf(t, fields...)
		f := &form{object: object{fields: map[string]json.RawMessage{}}}
		_, boundary, _ := strings.Cut(contentType, "boundary=")
		if err := f.readMultipart(strings.NewReader(body), boundary, free(t.TempDir())); err != nil {
			t.Fatal(err)
		}
		if *f.text("name", 10) != "a" || *f.number("cpu", "", 0, 1000) != 100 || f.pack == nil || f.pack.size != 5 {
			t.Errorf("got %s", f.fields)
		}
		f.Close()
	}
}

func FuzzReadMultipart(f *testing.F) {
	for _, fields := range [][]field{{{"name", "a"}, {"package", "bytes"}}, {{"a", "b"}, {"a", "c"}}, {}} {
		body, contentType := formOf(f, fields...)
		_, boundary, _ := strings.Cut(contentType, "boundary=")
		f.Add([]byte(body), boundary)
		f.Add([]byte(body)[:len(body)/2], boundary)
	}
	f.Add([]byte("--x\r\nContent-Disposition: form-data; name=\"a\"; filename=\"b\"\r\n\r\nc\r\n--x--"), "x")
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, body []byte, boundary string) {
		read := &form{object: object{fields: map[string]json.RawMessage{}}}
		defer read.Close()
		err := read.readMultipart(bytes.NewReader(body), boundary, free(dir))
		var known *faas.Error
		if err != nil && (!errors.As(err, &known) || known.Kind == faas.Internal) {
			t.Errorf("a strange form is not our failure: %v", err)
		}
		for name, raw := range read.fields {
			if !json.Valid(raw) || name == packageField {
				t.Errorf("field %q is %s", name, raw)
			}
		}
	})
}
