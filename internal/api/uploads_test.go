package api

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/api/fields"
	"github.com/openstack-faas/faas/internal/faas"
)

// large is a package that goes to a file.
func large(t testing.TB) string {
	t.Helper()
	b := make([]byte, fields.SpoolInMemory+fields.SpoolInMemory/16)
	_, _ = rand.Read(b) // never fails
	return zipOf(t, "main.py", "def main(): pass", "data", string(b))
}

// fewer reports whether the project has less than all its uploads under way.
func (s *service) fewer(projectID string) bool {
	ctx, cancel := context.WithCancel(s.t.Context())
	cancel() // it does not wait
	leave, err := s.api.handlers.functions.forms.Uploads.Take(ctx, projectID)
	if err == nil {
		leave()
	}
	return err == nil
}

// until polls a condition that nothing signals.
func (s *service) until(what string, condition func() bool) {
	s.t.Helper()
	for end := time.Now().Add(hangTimeout); !condition(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			s.t.Fatalf("it never came about that %s", what)
		}
	}
}

// TestLargeUploadsAFewAtATime has a project's two slow uploads keep its third waiting, but neither
// a small one nor another project's.
func TestLargeUploadsAFewAtATime(t *testing.T) {
	s := newService(t)
	runtime, pack := s.newRuntime(), large(t)
	form := func(pack string) (string, string) {
		return formOf(t, field{"runtime_id", runtime}, field{"code", `{"source":"package"}`}, field{"package", pack})
	}
	body, contentType := form(pack)
	var all sync.WaitGroup
	upload := func(from io.Reader) {
		all.Go(func() {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.server.URL+"/v1/functions", from)
			if err != nil {
				t.Error(err)
				return
			}
			r.Header.Set("Content-Type", contentType)
			answer, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Error(err)
				return
			}
			defer answer.Body.Close()
			if answer.StatusCode != http.StatusCreated {
				text, _ := io.ReadAll(answer.Body)
				t.Errorf("%d: %s", answer.StatusCode, text)
			}
		})
	}
	var ends []*io.PipeWriter
	for range 2 {
		from, to := io.Pipe()
		ends = append(ends, to)
		upload(from)
		_, err := io.WriteString(to, body[:len(body)-1000])
		s.must(err)
	}
	s.until("two large uploads have places", func() bool { return !s.fewer(project) })
	upload(strings.NewReader(body))
	small, smallType := form(zipOf(t, "main.py", "def main(): pass"))
	for _, r := range []testRequest{
		{body: small, contentType: smallType}, {body: body, contentType: contentType, identity: "p-two admin"},
	} {
		r.method, r.path = "POST", "/v1/functions"
		if got := s.send(r); got.status != http.StatusCreated {
			t.Errorf("%s: %d: %s", r.identity, got.status, got.body)
		}
	}
	if s.fewer(project) {
		t.Error("the slow uploads are over")
	}
	for _, to := range ends {
		_, err := io.WriteString(to, body[len(body)-1000:])
		s.must(err)
		s.must(to.Close())
	}
	all.Wait()
	s.until("uploads that ended give their places back", func() bool { return s.fewer(project) })
}

func (s *service) keeps(pack string) bool {
	s.t.Helper()
	sum := sha256.Sum256([]byte(pack))
	body, _, err := s.code.Open(s.t.Context(), hex.EncodeToString(sum[:]))
	if faas.KindOf(err) == faas.NotFound {
		return false
	}
	s.must(err)
	body.Close()
	return true
}

// TestPackagesOverTheQuotaAreNotKept has them uploaded and in Swift, for functions that are to be
// and that are there.
func TestPackagesOverTheQuotaAreNotKept(t *testing.T) {
	s := newSwiftService(t, withQuotas)
	first := s.newFunction(s.runtime, "first")
	s.put(project, "f.zip", "one")
	second := s.made("f.zip")
	s.limit(`{"package_bytes": 2000}`)
	pack := large(t)
	s.swift.Put(project, "code", "large.zip", []byte(pack)[:1<<15]) // it is not read, and so found to be no zip file
	created, createdType := formOf(
		t,
		field{"runtime_id", s.runtime},
		field{"code", `{"source":"package"}`},
		field{"package", pack},
	)
	updated, updatedType := formOf(t, field{"package", pack})
	s.swift.Requests()
	for what, got := range map[string]reply{
		"create, package": s.send(testRequest{method: "POST", path: "/v1/functions", body: created, contentType: createdType}),
		"update, package": s.send(testRequest{method: "PUT", path: "/v1/functions/" + first.ID, body: updated, contentType: updatedType}),
		"create, object":  s.create(codeOf("large.zip"), ""),
		"update, object":  s.send(testRequest{method: "PUT", path: "/v1/functions/" + second.ID, body: `{"code": ` + codeOf("large.zip") + `}`}),
	} {
		if got.status != http.StatusForbidden ||
			!strings.Contains(got.fault(), "Quota exceeded for package_bytes: limit 2000, in use ") {
			t.Errorf("%s: %d: %s", what, got.status, got.body)
		}
	}
	if s.keeps(pack) {
		t.Error("a package over the quota is kept")
	}
	if after := s.record(second.ID); after.Revision != 1 {
		t.Errorf("it is now %+v", after)
	}
	fits := s.put(project, "f.zip", "another") // in the place of the one before
	s.limit(fmt.Sprintf(`{"package_bytes": %d}`, s.used()[faas.ResourcePackages].Used+int64(len("another")-len("one"))+20))
	s.do("PUT", "/v1/functions/"+second.ID, `{"code": `+codeOf("f.zip")+`}`, http.StatusOK)
	if !s.keeps(string(fits)) {
		t.Error("a package within the quota is not kept")
	}
}

// TestTokenThatSwiftDoesNotTake has Keystone's answer of before be remembered here, and not in
// Swift.
func TestTokenThatSwiftDoesNotTake(t *testing.T) {
	s := newSwiftService(t)
	s.put(project, "f.zip", "one")
	s.swift.Revoke("token-of-" + project)
	r := s.create(codeOf("f.zip"), "")
	if r.status != http.StatusUnauthorized || !strings.Contains(r.fault(), "Get a new one from Keystone") ||
		strings.Contains(string(r.body), "token-of") {
		t.Errorf("%d: %s", r.status, r.body)
	}
}
