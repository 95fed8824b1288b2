package api

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/apiclient"
	"github.com/openstack-faas/faas/internal/dispatch"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
	"github.com/openstack-faas/faas/internal/swiftcode"
	"github.com/openstack-faas/faas/pkg/swift"
	"github.com/openstack-faas/faas/pkg/swift/swifttest"
)

// projectTokenAuth is headerAuth whose callers have a token: that of their project.
type projectTokenAuth struct{ headerAuth }

func (a projectTokenAuth) Authenticate(r *http.Request) (faas.Identity, error) {
	id, err := a.headerAuth.Authenticate(r)
	id.Token = faas.Secret("token-of-" + id.ProjectID)
	return id, err
}

// swiftService is a service whose tenants have a small Swift.
type swiftService struct {
	*service
	swift   *swifttest.Server
	runtime string
}

func newSwiftService(t *testing.T, change ...func(*Config)) *swiftService {
	t.Helper()
	s := &swiftService{swift: swifttest.New(t)}
	s.service = newService(t, append(change, func(c *Config) {
		c.Auth = projectTokenAuth{}
		c.Swift = swiftcode.New(swiftcode.Config{
			Swift: swift.New(swift.Config{}), Code: c.Code, MaxSize: 1 << 16,
			Endpoint: func(_ context.Context, projectID string) (string, error) { return s.swift.Endpoint(projectID), nil },
		})
	})...)
	s.swift.Grant("token-of-"+project, project)
	s.swift.Grant("token-of-p-two", "p-two")
	s.runtime = s.newRuntime()
	return s
}

// put stores an object that is a package and gives its bytes.
func (s *swiftService) put(projectID, name, text string) []byte {
	s.t.Helper()
	zip, err := apiclient.Zip(map[string]string{"main.py": text})
	s.must(err)
	s.swift.Put(projectID, "code", name, zip)
	return zip
}

const swiftCodeOf = `{"source": "swift", "swift": {"container": "code", "object": "OBJECT"}}`

func codeOf(object string) string { return strings.Replace(swiftCodeOf, "OBJECT", object, 1) }

// create makes a function as the clients of Qinling do: the code is a JSON text in a urlencoded
// form.
func (s *swiftService) create(code, identity string) reply {
	s.t.Helper()
	form := url.Values{"runtime_id": {s.runtime}, "code": {code}, "name": {"f"}}
	return s.send(
		testRequest{
			method:      "POST",
			path:        "/v1/functions",
			body:        form.Encode(),
			contentType: "application/x-www-form-urlencoded",
			identity:    identity,
		},
	)
}

func (s *swiftService) made(object string) functionView {
	s.t.Helper()
	r := s.create(codeOf(object), "")
	if r.status != http.StatusCreated {
		s.t.Fatalf("%d: %s", r.status, r.body)
	}
	var f functionView
	r.decode(s.t, &f)
	return f
}

func (s *swiftService) record(id string) faas.Function {
	s.t.Helper()
	f, err := s.store.Function(s.t.Context(), faas.AnyProject(), id)
	s.must(err)
	return f
}

func TestFunctionFromSwift(t *testing.T) {
	s := newSwiftService(t)
	zip := s.put(project, "a/f.zip", "one")
	f := s.made("a/f.zip")
	if f.Code.Source != "swift" || *f.Code.Swift != (swiftView{"code", "a/f.zip"}) || f.Code.MD5 != swift.MD5(zip) ||
		*f.RuntimeID != s.runtime {
		t.Errorf("got %+v", f)
	}
	if code := s.record(f.ID).Code; code.ETag != swift.MD5(zip) || code.Size != int64(len(zip)) || len(code.SHA256) != 64 {
		t.Errorf("recorded as %+v", code)
	}
	got := s.do("GET", "/v1/functions/"+f.ID+"?download=true", "", http.StatusOK)
	if string(got.body) != string(zip) || got.header.Get("Content-Type") != "application/zip" {
		t.Errorf("downloaded %d bytes of %s", len(got.body), got.header.Get("Content-Type"))
	}
	json := `{"runtime_id": "` + s.runtime + `", "code": ` + codeOf("a/f.zip") + `}`
	if r := s.send(testRequest{method: "POST", path: "/v1/functions", body: json}); r.status != http.StatusCreated {
		t.Errorf("as JSON: %d: %s", r.status, r.body)
	}
}

func TestWhatCannotBeAFunctionFromSwift(t *testing.T) {
	s := newSwiftService(t)
	s.put(project, "f.zip", "ours")
	s.put("p-two", "theirs.zip", "theirs")
	s.swift.Put(project, "code", "text", []byte("def main(): pass"))
	s.swift.Put(project, "code", "large", make([]byte, 1<<16+1))
	s.swift.Grant("token-of-p-three", "p-four")
	for name, c := range map[string]struct{ code, identity, says string }{
		"none":              {codeOf("none"), "", `There is no object "none" in the container "code"`},
		"another project's": {codeOf("theirs.zip"), "", `There is no object "theirs.zip"`},
		"no zip":            {codeOf("text"), "", "not a zip file"},
		"too large":         {codeOf("large"), "", "larger than 65536 bytes"},
		"no rights":         {codeOf("f.zip"), "p-three member", "do not allow it"},
		"a slash":           {strings.Replace(codeOf("f.zip"), `"code"`, `"code/x"`, 1), "", "must not have a slash"},
		"another md5":       {strings.Replace(codeOf("f.zip"), `{"source"`, `{"md5sum": "0123", "source"`, 1), "", "but code.md5sum is 0123"},
	} {
		r := s.create(c.code, c.identity)
		if r.status != http.StatusBadRequest || !strings.Contains(r.fault(), c.says) ||
			strings.Contains(string(r.body), "token-of") {
			t.Errorf("%s: %d: %s", name, r.status, r.body)
		}
	}
	s.swift.Fail(http.StatusServiceUnavailable)
	if r := s.create(codeOf("f.zip"), ""); r.status != http.StatusServiceUnavailable ||
		r.header.Get("Retry-After") == "" ||
		!strings.Contains(r.fault(), "Swift") {
		t.Errorf("Swift away: %d: %s", r.status, r.body)
	}
	if left, err := s.store.Functions(t.Context(), faas.AnyProject(), faas.Query{Limit: 10}); err != nil ||
		len(left.Items) != 0 {
		t.Errorf("%d functions, %v", len(left.Items), err)
	}
	if strings.Contains(s.logs.String(), "token-of") {
		t.Error("a token is in the log")
	}
	var form strings.Builder
	form.WriteString("--b\r\nContent-Disposition: form-data; name=\"package\"; filename=\"x\"\r\n\r\nx\r\n")
	form.WriteString("--b\r\nContent-Disposition: form-data; name=\"runtime_id\"\r\n\r\n" + s.runtime + "\r\n")
	form.WriteString("--b\r\nContent-Disposition: form-data; name=\"code\"\r\n\r\n" + codeOf("f.zip") + "\r\n--b--\r\n")
	r := s.send(
		testRequest{method: "POST", path: "/v1/functions", body: form.String(), contentType: "multipart/form-data; boundary=b"},
	)
	if r.status != http.StatusBadRequest || !strings.Contains(r.fault(), "takes no package") {
		t.Errorf("with a package: %d: %s", r.status, r.body)
	}
}

func TestUpdateOfAFunctionFromSwift(t *testing.T) {
	s := newSwiftService(t)
	s.put(project, "f.zip", "one")
	f := s.made("f.zip")
	before := s.record(f.ID)
	s.do("PUT", "/v1/functions/"+f.ID, `{"code": `+codeOf("f.zip")+`}`, http.StatusOK)
	if after := s.record(f.ID); after.Revision != before.Revision || after.Code != before.Code {
		t.Errorf("the same object makes another revision: %+v", after)
	}
	s.put(project, "f.zip", "two")
	s.do("PUT", "/v1/functions/"+f.ID, `{"name": "renamed"}`, http.StatusOK)
	if after := s.record(f.ID); after.Code != before.Code {
		t.Errorf("another name changes the code: %+v", after)
	}
	s.do("PUT", "/v1/functions/"+f.ID, `{"code": `+codeOf("f.zip")+`}`, http.StatusOK)
	second := s.record(f.ID)
	if second.Revision != before.Revision+1 || second.Code.SHA256 == before.Code.SHA256 {
		t.Errorf("the new content is not taken: %+v", second)
	}
	if news := <-s.changed; news.FunctionID != f.ID || news.Revision != second.Revision {
		t.Errorf("told of %+v", news)
	}
	r := s.do("PUT", "/v1/functions/"+f.ID, `{"code": `+codeOf("none")+`}`, http.StatusBadRequest)
	if after := s.record(f.ID); !strings.Contains(r.fault(), "There is no object") || after.Code != second.Code {
		t.Errorf("%s; it is %+v", r.fault(), after)
	}
	s.put(project, "g.zip", "three")
	s.do("PUT", "/v1/functions/"+f.ID, `{"code": `+codeOf("g.zip")+`}`, http.StatusOK)
	if after := s.record(f.ID); after.Code.Object != "g.zip" || after.Revision != second.Revision+1 {
		t.Errorf("another object: %+v", after)
	}
	r = s.do("PUT", "/v1/functions/"+f.ID, `{"code": {"source": "package"}}`, http.StatusBadRequest)
	if !strings.Contains(r.fault(), "source of a function's code can not be changed") {
		t.Error(r.fault())
	}
}

// TestCallOfAFunctionWhoseObjectChanged has the engine find the change: the caller gets the result
// of the new code.
func TestCallOfAFunctionWhoseObjectChanged(t *testing.T) {
	s := newSwiftService(t)
	s.put(project, "f.zip", "one")
	f := s.made("f.zip")
	refused := 0
	s.answer(func(ctx context.Context, target faas.Target, call faas.Call, begin dispatch.Begin) (faas.Outcome, error) {
		if !target.FromSwift {
			t.Error("the target does not say that it is from Swift")
		}
		if refused < 2 {
			refused++
			code := s.record(f.ID).Code
			code.ETag += "x"
			_, err := s.store.UpdateFunction(ctx, faas.AnyProject(), f.ID, store.FunctionChange{Code: &code})
			s.must(err)
			return faas.Outcome{}, faas.Errorf(faas.Outdated, "It has changed.")
		}
		if want := s.record(f.ID).Revision; target.Key.Revision != want || call.Key != target.Key {
			t.Errorf("called with %+v, %+v; the revision is %d", target.Key, call.Key, want)
		}
		return echo(ctx, target, call, begin)
	})
	began := time.Now()
	if x := s.execute(f.ID, "", http.StatusCreated); x.Status != "success" {
		t.Errorf("got %+v", x)
	}
	// before the second try, and twice as long before the third
	if took := time.Since(began); took < 3*50*time.Millisecond {
		t.Errorf("three tries took %v: there was no pause", took)
	}
	refused = -10 // for ever
	r := s.do("POST", "/v1/executions", `{"function_id": "`+f.ID+`"}`, http.StatusServiceUnavailable)
	if !strings.Contains(r.fault(), "is changing") || r.header.Get("Retry-After") == "" {
		t.Error(r.fault())
	}
	s.answer(func(context.Context, faas.Target, faas.Call, dispatch.Begin) (faas.Outcome, error) {
		return faas.Outcome{}, faas.Errorf(faas.Invalid, "There is no object.")
	})
	if r := s.do("POST", "/v1/executions", `{"function_id": "`+f.ID+`"}`, http.StatusBadRequest); r.fault() != "There is no object." {
		t.Error(r.fault())
	}
}
