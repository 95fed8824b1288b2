package api

import (
	"crypto/md5"
	"encoding/hex"
	"net/url"
	"strings"
	"testing"

	"github.com/openstack-faas/faas/internal/api/answer"
	"github.com/openstack-faas/faas/internal/faas"
)

func TestFunctionLifecycle(t *testing.T) {
	s := newService(t)
	runtime := s.newRuntime()
	pack := zipOf(t, "main.py", "def main(): pass")
	sum := md5.Sum([]byte(pack))
	body, contentType := formOf(
		t,
		field{"package", pack},
		field{"name", "hello"},
		field{"runtime_id", runtime},
		field{"timeout", "7"},
		field{"code", `{"source": "package", "md5sum": "` + hex.EncodeToString(sum[:]) + `"}`},
		field{"cpu", " 1000 "},
	)
	var made, got functionView
	answer := s.send(testRequest{method: "POST", path: "/v1/functions", body: body, contentType: contentType})
	if answer.status != 201 {
		t.Fatalf("%d %s", answer.status, answer.body)
	}
	answer.decode(t, &made)
	if *made.Name != "hello" || made.CPU != 1000 || made.Timeout != 7 || made.MemorySize != 32<<20 || *made.Entry != "main.main" || *made.RuntimeID != runtime ||
		made.Code.MD5 != hex.EncodeToString(sum[:]) ||
		made.Code.Source != "package" ||
		made.Count != 0 ||
		made.UpdatedAt != nil {
		t.Errorf("made %+v", made)
	}
	s.do("GET", "/v1/functions/"+made.ID, "", 200).decode(t, &got)
	if *got.CreatedAt != *made.CreatedAt || got.Code != made.Code {
		t.Errorf("got %+v", got)
	}
	file := s.do("GET", "/v1/functions/"+made.ID+"?download=true", "", 200)
	if string(file.body) != pack || file.header.Get("Content-Type") != "application/zip" ||
		!strings.Contains(file.header.Get("Content-Disposition"), made.ID+".zip") {
		t.Errorf("%d bytes, %v", len(file.body), file.header)
	}
	s.do("GET", "/v1/functions/"+made.ID+"?download=maybe", "", 400)
	s.do("DELETE", "/v1/functions/"+made.ID, "", 204)
	if c := await(t, s.changed); c != (faas.FunctionChanged{FunctionID: made.ID}) {
		t.Errorf("broadcast %+v", c)
	}
	s.do("GET", "/v1/functions/"+made.ID, "", 404)
}

func TestFunctionUpdate(t *testing.T) {
	s := newService(t)
	made := s.newFunction(s.newRuntime(), "f")
	path := "/v1/functions/" + made.ID
	put := func(body, contentType string) functionView {
		t.Helper()
		answer := s.send(testRequest{method: "PUT", path: path, body: body, contentType: contentType})
		if answer.status != 200 {
			t.Fatalf("%d %s", answer.status, answer.body)
		}
		var v functionView
		answer.decode(t, &v)
		return v
	}
	form := "application/x-www-form-urlencoded"
	if v := put("", ""); *v.Name != "f" {
		t.Errorf("nothing changed something: %+v", v)
	}
	if v := put("name=g&description=d&timeout=9", form); *v.Name != "g" || *v.Description != "d" || v.Timeout != 9 ||
		v.CPU != made.CPU {
		t.Errorf("got %+v", v)
	}
	if v := put(`{"name": null, "cpu": "500", "description": ""}`, "application/json"); *v.Name != "g" || v.CPU != 500 ||
		v.Description != nil {
		t.Errorf("got %+v", v)
	}
	if c := await(t, s.changed); c.FunctionID != made.ID || c.Revision != 2 {
		t.Errorf("broadcast %+v: only what workers must not outlive is news", c)
	}
	// as python-qinlingclient sends it
	body, contentType := formOf(t, field{"source", "package"}, field{"package", zipOf(t, "main.py", "other")})
	if v := put(body, contentType); v.Code.MD5 == made.Code.MD5 || v.Code.Source != "package" {
		t.Errorf("got %+v", v)
	}
	if c := await(t, s.changed); c.Revision != 3 {
		t.Errorf("broadcast %+v", c)
	}
	code := url.QueryEscape(`{"source":"package"}`)
	for _, b := range []bad{
		{"another source", testRequest{body: "source=swift", contentType: form}, 400, "swift needs"},
		{"another runtime", testRequest{body: "runtime_id=" + made.ID, contentType: form}, 400, `There is no field "runtime_id"`},
		{"code twice", testRequest{body: "source=package&code=" + code, contentType: form}, 400, "send either code or the other two"},
		{"md5 alone", testRequest{body: "md5sum=0123456789abcdef0123456789abcdef", contentType: form}, 400, "send the package too"},
		{"cpu", testRequest{body: "cpu=1", contentType: form}, 400, "cpu must be from"},
	} {
		b.method, b.path = "PUT", path
		s.refuse(t, []bad{b})
	}
}

func TestFunctionNeedsAnAvailableRuntime(t *testing.T) {
	s := newService(t)
	r, err := s.store.CreateRuntime(
		t.Context(), faas.Runtime{ProjectID: project, Image: "python3", Status: faas.RuntimeCreating},
	)
	s.must(err)
	body, contentType := formOf(
		t,
		field{"runtime_id", r.ID},
		field{"code", `{"source":"package"}`},
		field{"package", zipOf(t, "main.py", "")},
	)
	s.refuse(
		t,
		[]bad{
			{
				"creating",
				testRequest{method: "POST", path: "/v1/functions", body: body, contentType: contentType},
				409,
				"is not available: its status is creating",
			},
		},
	)
}

func TestFunctionList(t *testing.T) {
	s := newService(t)
	runtime := s.newRuntime()
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		s.newFunction(runtime, name)
	}
	list := func(query string) (names string, next string) {
		t.Helper()
		var l struct {
			Functions []functionView
			Next      string
			Links     []answer.Link `json:"functions_links"`
		}
		s.do("GET", "/v1/functions"+query, "", 200).decode(t, &l)
		for _, f := range l.Functions {
			names += *f.Name
		}
		if (l.Next != "") != (len(l.Links) == 1) || l.Next != "" && l.Links[0].Href != l.Next {
			t.Errorf("next %q, links %v", l.Next, l.Links)
		}
		return names, l.Next
	}
	for query, want := range map[string]string{
		"": "abcde", "?name=b": "b", "?name=neq:b": "acde", "?name=in:a,e": "ae", "?sort_keys=name&sort_dirs=desc": "edcba", "?name=gt:c": "de", "?limit=5": "abcde",
	} {
		if got, next := list(query); got != want || next != "" {
			t.Errorf("%s: %s %s, want %s", query, got, next, want)
		}
	}
	var all string
	for query := "?limit=2&sort_keys=name&sort_dirs=desc&name=neq:c"; query != ""; {
		names, next := list(query)
		all += names + " "
		_, query, _ = strings.Cut(next, "?")
		if query != "" {
			query = "?" + query
		}
	}
	if all != "ed ba " {
		t.Errorf("pages %s", all)
	}
}
