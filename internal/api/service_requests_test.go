package api

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/api/answer"
	"github.com/openstack-faas/faas/internal/api/fields"
	"github.com/openstack-faas/faas/internal/faas"
)

// headerAuth believes X-Test-Identity: project and roles, separated by spaces. Without it the
// caller is project's admin.
type headerAuth struct{}

// Authenticate refuses the identity "none".
func (headerAuth) Authenticate(r *http.Request) (faas.Identity, error) {
	parts := strings.Fields(r.Header.Get("X-Test-Identity"))
	switch {
	case len(parts) == 0:
		return faas.Identity{UserID: "u", ProjectID: project, Roles: []string{"admin", "member", "reader"}}, nil
	case parts[0] == "none":
		return faas.Identity{}, faas.Errorf(faas.Unauthenticated, "The request you have made requires authentication.")
	}
	return faas.Identity{UserID: "u", ProjectID: parts[0], Roles: parts[1:]}, nil
}

// reply is an answer, read to its end.
type reply struct {
	last   bool // the server closes the connection
	status int
	header http.Header
	body   []byte
}

// fault is the answer's faultstring.
func (r reply) fault() string {
	var f answer.Fault
	_ = json.Unmarshal(r.body, &f) // "" for what is no fault
	return f.Faultstring
}

func (r reply) decode(t testing.TB, into any) {
	t.Helper()
	if err := json.Unmarshal(r.body, into); err != nil {
		t.Fatalf("%v in %s", err, r.body)
	}
}

// testRequest is what a test sends; the zero Identity is project's admin.
type testRequest struct {
	method, path, body string
	contentType        string // application/json when there is a body and this is ""
	identity           string
	header             map[string]string
}

// send sends a request and holds the answer against the published description of the API.
func (s *service) send(req testRequest) reply {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), req.method, s.server.URL+req.path, strings.NewReader(req.body))
	s.must(err)
	if req.contentType == "" && req.body != "" {
		req.contentType = "application/json"
	}
	if req.contentType != "" {
		r.Header.Set("Content-Type", req.contentType)
	}
	if req.identity != "" {
		r.Header.Set("X-Test-Identity", req.identity)
	}
	for name, value := range req.header {
		r.Header.Set(name, value)
	}
	answer, err := http.DefaultTransport.RoundTrip(r)
	s.must(err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	s.must(err)
	got := reply{status: answer.StatusCode, header: answer.Header, body: body, last: answer.Close}
	checkContract(s.t, r, got)
	return got
}

// do sends a request of project's admin and expects the status.
func (s *service) do(method, path, body string, want int) reply {
	s.t.Helper()
	got := s.send(testRequest{method: method, path: path, body: body})
	if got.status != want {
		s.t.Fatalf("%s %s: %d %s, want %d", method, path, got.status, got.body, want)
	}
	return got
}

// newRuntime makes a public runtime and waits till it is available.
func (s *service) newRuntime() string {
	s.t.Helper()
	var made runtimeView
	s.do("POST", "/v1/runtimes", `{"image": "python3", "name": "python3"}`, 201).decode(s.t, &made)
	for deadline := time.Now().Add(hangTimeout); ; {
		r, err := s.store.Runtime(s.t.Context(), faas.AnyProject(), made.ID)
		s.must(err)
		if r.Status == faas.RuntimeAvailable {
			return made.ID
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("the runtime is %s", r.Status)
		}
	}
}

// field is one part of a form; a package is named so.
type field struct{ name, value string }

// formOf writes a form as python-requests does and returns it with its type.
func formOf(t testing.TB, sent ...field) (body, contentType string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, f := range sent {
		var err error
		part := io.Writer(nil)
		if f.name == fields.PackageField {
			part, err = w.CreateFormFile(f.name, "code.zip")
		} else {
			part, err = w.CreateFormField(f.name)
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(part, f.value); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String(), w.FormDataContentType()
}

// zipOf makes a package of files given by name and content in turn.
func zipOf(t testing.TB, files ...string) string {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i := 0; i < len(files); i += 2 {
		f, err := w.Create(files[i])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(f, files[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func (s *service) newFunction(runtimeID, name string) functionView {
	s.t.Helper()
	body, contentType := formOf(
		s.t,
		field{"runtime_id", runtimeID},
		field{"code", `{"source":"package"}`},
		field{"name", name},
		field{"package", zipOf(s.t, "main.py", "def main(): pass")},
	)
	got := s.send(testRequest{method: "POST", path: "/v1/functions", body: body, contentType: contentType})
	if got.status != 201 {
		s.t.Fatalf("%d %s", got.status, got.body)
	}
	var made functionView
	got.decode(s.t, &made)
	return made
}

// await receives from the channel or fails.
func await[T any](t testing.TB, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(hangTimeout):
		t.Fatal("nothing came")
		panic("unreachable")
	}
}

// lockedBuffer takes the log.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write appends.
func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// String returns what was written so far.
func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
