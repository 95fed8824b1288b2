package api

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/openstack-faas/faas/internal/faas"
)

func TestBadFunctions(t *testing.T) {
	s := newService(t)
	runtime := s.newRuntime()
	pack := zipOf(t, "main.py", "")
	post := func(fields ...field) testRequest {
		body, contentType := formOf(t, fields...)
		return testRequest{method: "POST", path: "/v1/functions", body: body, contentType: contentType}
	}
	with := func(more ...field) testRequest {
		return post(append([]field{{"runtime_id", runtime}, {"code", `{"source":"package"}`}, {"package", pack}}, more...)...)
	}
	without := func(code string, more ...field) testRequest { return post(append([]field{{"code", code}}, more...)...) }
	packed := func(content string) testRequest {
		return post(field{"runtime_id", runtime}, field{"code", `{"source":"package"}`}, field{"package", content})
	}
	urlencoded := func(body string) testRequest {
		return testRequest{method: "POST", path: "/v1/functions", body: body, contentType: "application/x-www-form-urlencoded"}
	}
	cut := with()
	cut.body = cut.body[:len(cut.body)/2]
	s.refuse(t, []bad{
		{"empty", testRequest{method: "POST", path: "/v1/functions"}, 400, "code is required"},
		{
			"no type",
			testRequest{method: "POST", path: "/v1/functions", body: "x", contentType: "text/plain"},
			415,
			"it is text/plain",
		},
		{
			"malformed type",
			testRequest{method: "POST", path: "/v1/functions", body: "x", contentType: "multipart/form-data; boundary"},
			415,
			`The Content-Type "multipart/form-data; boundary" is malformed.`,
		},
		{
			"no boundary",
			testRequest{method: "POST", path: "/v1/functions", body: "x", contentType: "multipart/form-data"},
			400,
			"has no boundary",
		},
		{
			"no parts",
			testRequest{method: "POST", path: "/v1/functions", body: "x", contentType: "multipart/form-data; boundary=b"},
			400,
			"has no parts",
		},
		{"cut off", cut, 400, "cut off"},
		{"malformed JSON", testRequest{method: "POST", path: "/v1/functions", body: "{"}, 400, "The body must be a JSON object"},
		{"no code", post(field{"runtime_id", runtime}, field{"package", pack}), 400, "code is required"},
		{"code is no JSON", without("package"), 400, "code must be a JSON object"},
		{"code is null", without("null"), 400, "code must be a JSON object"},
		{"code with more after it", without(`{"source":"package"} {}`), 400, "code must be a JSON object"},
		{
			"code with an unknown field",
			without(`{"source":"package","x":1}`),
			400,
			`There is no field "x" in code; the fields are source, md5sum, swift, image, protocol.`,
		},
		{
			"code of Swift with an unknown field",
			without(`{"source":"swift","swift":{"container":"c","object":"o","region":"r"}}`),
			400,
			`There is no field "region" in code.swift; the fields are container, object.`,
		},
		{"source is a number", without(`{"source":1}`), 400, "code.source must be a string; it is a JSON number."},
		{"swift is a string", without(`{"source":"swift","swift":"c/o"}`), 400, "code.swift must be an object; it is a JSON string."},
		{
			"container is a list",
			without(`{"source":"swift","swift":{"container":[],"object":"o"}}`),
			400,
			"code.swift.container must be a string; it is a JSON array.",
		},
		{"no source", without(`{}`), 400, "code must name its source"},
		{"unknown source", without(`{"source":"git"}`), 400, "code.source must be package, swift or image; it is git."},
		{"no runtime", without(`{"source":"package"}`, field{"package", pack}), 400, "runtime_id is required"},
		{
			"runtime is no UUID",
			with(field{"name", "x"}, field{"entry", "main.main"}).replace(runtime, "python3"),
			400,
			"runtime_id must be a UUID",
		},
		{"no such runtime", with().replace(runtime, unknownID), 400, "Runtime " + unknownID + " can not be found."},
		{"no package", post(field{"runtime_id", runtime}, field{"code", `{"source":"package"}`}), 400, "package is required"},
		{
			"urlencoded package",
			urlencoded("runtime_id=" + runtime + "&package=x&code=%7B%22source%22%3A%22package%22%7D"),
			400,
			"package must be a file",
		},
		{"urlencoded rubbish", urlencoded("a=%zz"), 400, "The form is malformed: it must be fields as in a=1&b=2, with reserved characters written as %XX."},
		{"unknown field", with(field{"colour", "red"}), 400, `There is no field "colour" here`},
		{"doubled field", with(field{"name", "a"}, field{"name", "b"}), 400, `The form has the field "name" more than once.`},
		{"doubled package", with(field{"package", pack}), 400, "more than one package"},
		{
			"file in another field",
			with().replace(`name="package"`, `name="pack"`),
			400,
			`The form has a file in the field "pack"`,
		},
		{
			"large field",
			with(field{"description", strings.Repeat("x", 70<<10)}),
			413,
			`The form's field "description" is larger`,
		},
		{"many fields", with(manyFields()...), 413, "The form's fields are larger"},
		{"not UTF-8", with(field{"name", "\xff"}), 400, `The form's field "name" is not UTF-8.`},
		{"long name", with(field{"name", strings.Repeat("x", 256)}), 400, "name must be at most 255"},
		{
			"entry without function",
			with(field{"entry", "main"}),
			400,
			`entry must be module.function, as in main.main; it is "main".`,
		},
		{"entry with a path", with(field{"entry", "../main.main"}), 400, "entry must be module.function"},
		{"low cpu", with(field{"cpu", "99"}), 400, "cpu must be from 100 to 2000 millicores; it is 99."},
		{"high cpu", with(field{"cpu", "2001"}), 400, "cpu must be from 100 to 2000 millicores; it is 2001."},
		{"cpu is a word", with(field{"cpu", "much"}), 400, `cpu must be a whole number; it is "much".`},
		{"cpu overflows", with(field{"cpu", "99999999999999999999"}), 400, "cpu must be a whole number"},
		{
			"low memory",
			with(field{"memory_size", "1"}),
			400,
			"memory_size must be from 33554432 to 2147483648 bytes; it is 1.",
		},
		{"high memory", with(field{"memory_size", "2147483649"}), 400, "memory_size must be from 33554432"},
		{"zero timeout", with(field{"timeout", "0"}), 400, "timeout must be from 1 to 300 seconds; it is 0."},
		{"long timeout", with(field{"timeout", "301"}), 400, "timeout must be from 1 to 300 seconds; it is 301."},
		{
			"swift without object",
			without(`{"source":"swift","swift":{"container":"c"}}`),
			400,
			"code with the source swift needs",
		},
		{
			"swift",
			without(`{"source":"swift","swift":{"container":"c","object":"o"}}`),
			400,
			"Code from Swift is not supported by this deployment",
		},
		{"image without one", without(`{"source":"image"}`), 400, `code.image must be the reference of a container image; it is "".`},
		{
			"image",
			urlencoded("code=%7B%22source%22%3A%22image%22%2C%22image%22%3A%22a%2Fb%22%7D"),
			400,
			"Code from a container image is not supported",
		},
		{
			"md5",
			with().replace(`{"source":"package"}`, `{"source":"package","md5sum":"0123456789abcdef0123456789abcdef"}`),
			400,
			"but code.md5sum is 0123456789abcdef0123456789abcdef.",
		},
		{"no zip", packed("this is no zip"), 400, "not a zip"},
		{"dots in the zip", packed(zipOf(t, "../main.py", "")), 400, "../main.py"},
		{"absolute name in the zip", packed(zipOf(t, "/etc/passwd", "")), 400, "/etc/passwd"},
		{"doubled name in the zip", packed(zipOf(t, "main.py", "", "main.py", "")), 400, "main.py"},
		{"bomb", packed(bomb(t)), 400, "larger than 536870912 bytes together"},
	})
}

// replace changes the body.
func (r testRequest) replace(from, to string) testRequest {
	r.body = strings.Replace(r.body, from, to, 1)
	return r
}

func manyFields() []field {
	var fields []field
	for i := range 20 {
		fields = append(fields, field{fmt.Sprintf("f%d", i), strings.Repeat("x", 60<<10)})
	}
	return fields
}

// bomb says of itself that it unpacks to more than a package may; the archive's own tests have
// those that lie.
func bomb(t *testing.T) string {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	f, err := w.CreateRaw(
		&zip.FileHeader{
			Name:               "main.py",
			Method:             zip.Deflate,
			CompressedSize64:   1,
			UncompressedSize64: faas.MaxUnpackedSize + 1,
		},
	)
	if err == nil {
		_, err = f.Write([]byte{0})
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// trickle is a body that would never end; its client counts what the service took.
type trickle struct {
	head string
	sent atomic.Int64
}

// Read returns the head, then zeroes for ever.
func (e *trickle) Read(p []byte) (int, error) {
	n := copy(p, e.head)
	e.head = e.head[n:]
	if n == 0 {
		clear(p)
		n = len(p)
	}
	e.sent.Add(int64(n))
	return n, nil
}

func TestLargePackageIsRefusedWhileItArrives(t *testing.T) {
	s := newService(t)
	before := s.contents()
	body := &trickle{head: "--b\r\nContent-Disposition: form-data; name=\"package\"; filename=\"a\"\r\n\r\n"}
	ctx, cancel := context.WithTimeout(t.Context(), hangTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.server.URL+"/v1/functions", body)
	s.must(err)
	r.Header.Set("Content-Type", "multipart/form-data; boundary=b")
	answer, err := http.DefaultTransport.RoundTrip(r)
	s.must(err)
	answer.Body.Close()
	if answer.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("status %d", answer.StatusCode)
	}
	if body.sent.Load() > faas.MaxPackageSize+16<<20 { // the rest is in buffers between client and service
		t.Errorf("%d bytes were taken", body.sent.Load())
	}
	if s.contents() != before {
		t.Error("something was written")
	}
	got := s.send(
		testRequest{method: "POST", path: "/v1/functions", body: "--b--", contentType: "multipart/form-data; boundary=b"},
	)
	if got.status != 400 {
		t.Errorf("the service answers %d afterwards", got.status)
	}
}
