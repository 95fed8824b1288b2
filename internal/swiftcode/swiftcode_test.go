package swiftcode_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/apiclient"
	"github.com/openstack-faas/faas/internal/codestore"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/swiftcode"
	"github.com/openstack-faas/faas/pkg/swift"
	"github.com/openstack-faas/faas/pkg/swift/swifttest"
)

const (
	token   = "the-token-of-p"
	project = "p"
	maxSize = 1 << 16
)

// rig is a source on a small Swift, in which project p has its token.
type rig struct {
	*testing.T
	swift  *swifttest.Server
	code   *codestore.Files
	source *swiftcode.Source
	spool  string
	lost   bool // Keystone does not say where Swift is
}

func newRig(t *testing.T) *rig {
	r := &rig{T: t, swift: swifttest.New(t), spool: t.TempDir()}
	r.swift.Grant(token, project)
	var err error
	if r.code, err = codestore.NewFiles(t.TempDir()); err != nil {
		t.Fatal(err)
	}
	r.source = swiftcode.New(swiftcode.Config{
		Swift: swift.New(swift.Config{}), Code: r.code, MaxSize: maxSize, Spool: r.spool,
		Endpoint: func(_ context.Context, projectID string) (string, error) {
			if r.lost {
				return "", errors.New("no answer")
			}
			return r.swift.Endpoint(projectID), nil
		},
	})
	return r
}

func (r *rig) zip(text string) []byte {
	r.Helper()
	b, err := apiclient.Zip(map[string]string{"main.py": text})
	if err != nil {
		r.Fatal(err)
	}
	return b
}

func (r *rig) kept(code faas.Code) []byte {
	r.Helper()
	body, _, err := r.code.Open(r.Context(), code.SHA256)
	if err != nil {
		r.Fatal(err)
	}
	defer body.Close()
	b, err := io.ReadAll(body)
	if err != nil {
		r.Fatal(err)
	}
	return b
}

func sumOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func named(object string) faas.Code {
	return faas.Code{Source: faas.SourceSwift, Container: "c", Object: object}
}

func TestFetchKeepsTheObject(t *testing.T) {
	r := newRig(t)
	zip := r.zip("one")
	r.swift.Put(project, "c", "a/one.zip", zip)
	r.swift.PutLarge(project, "c", "large", zip)
	for _, object := range []string{"a/one.zip", "large"} {
		code, err := r.source.Fetch(t.Context(), token, project, named(object), nil)
		if err != nil {
			t.Fatal(err)
		}
		want := faas.Code{
			Source: faas.SourceSwift, Container: "c", Object: object, Size: int64(
				len(zip),
			), MD5: swift.MD5(zip), SHA256: sumOf(zip), ETag: code.ETag,
		}
		if code != want || code.ETag == "" || !bytes.Equal(r.kept(code), zip) {
			t.Errorf("%s: got %+v", object, code)
		}
		if etag, err := r.source.ETag(t.Context(), token, project, code); etag != code.ETag || err != nil {
			t.Errorf("%s: changed at once: %q, %v", object, etag, err)
		}
		r.swift.Put(project, "c", object, r.zip("two"))
		if etag, err := r.source.ETag(t.Context(), token, project, code); etag == code.ETag || err != nil {
			t.Errorf("%s: a change is not seen: %q, %v", object, etag, err)
		}
	}
	if left, err := os.ReadDir(r.spool); err != nil || len(left) != 0 {
		t.Errorf("%v, %v are left", left, err)
	}
}

func TestWhatCannotBeCode(t *testing.T) {
	r := newRig(t)
	r.swift.Put(project, "c", "script.py", []byte("def main(): pass"))
	r.swift.Put(project, "c", "empty", nil)
	r.swift.Put(project, "c", "large.zip", bytes.Repeat([]byte("x"), maxSize+1))
	r.swift.Put("other", "c", "theirs.zip", r.zip("theirs"))
	for name, c := range map[string]struct {
		code  faas.Code
		token faas.Secret
		of    string
		says  string
		seen  bool // Changed reports it, too
	}{
		"no object":        {named("none"), token, project, `no object "none" in the container "c"`, true},
		"no container":     {faas.Code{Container: "none", Object: "none"}, token, project, `in the container "none"`, true},
		"no zip":           {named("script.py"), token, project, "not a zip file", false},
		"nothing":          {named("empty"), token, project, "not a zip file", false},
		"too large":        {named("large.zip"), token, project, "larger than 65536 bytes", true},
		"another project":  {named("theirs.zip"), token, "other", "cannot be read from the object", true},
		"a name of a path": {named("../x"), token, project, "name is not valid in Swift", true},
	} {
		code, err := r.source.Fetch(t.Context(), c.token, c.of, c.code, nil)
		if faas.KindOf(err) != faas.Invalid || !strings.Contains(err.Error(), c.says) ||
			strings.Contains(err.Error(), token) {
			t.Errorf("%s: %+v, %v", name, code, err)
		}
		_, err = r.source.ETag(t.Context(), c.token, c.of, c.code)
		if got := faas.KindOf(err) == faas.Invalid && strings.Contains(err.Error(), c.says); got != c.seen {
			t.Errorf("%s: its ETag: %v", name, err)
		}
	}
	if left, err := os.ReadDir(r.spool); err != nil || len(left) != 0 {
		t.Errorf("%v, %v are left", left, err)
	}
}

func TestSwiftAway(t *testing.T) {
	r := newRig(t)
	r.swift.Put(project, "c", "x", r.zip("x"))
	check := func(what string) {
		t.Helper()
		_, fetchErr := r.source.Fetch(t.Context(), token, project, named("x"), nil)
		_, etagErr := r.source.ETag(t.Context(), token, project, named("x"))
		for _, err := range []error{fetchErr, etagErr} {
			var e *faas.Error
			if !errors.As(err, &e) || e.Kind != faas.Unavailable || e.RetryAfter == 0 || !strings.Contains(e.Message, "Swift") {
				t.Errorf("%s: %v", what, err)
			}
		}
	}
	r.swift.Fail(503)
	check("503")
	r.swift.Fail(0)
	r.lost = true
	check("no endpoint")
}

func TestNames(t *testing.T) {
	if err := swiftcode.Names("a/b", "c"); faas.KindOf(err) != faas.Invalid || !strings.Contains(err.Error(), "slash") {
		t.Errorf("got %v", err)
	}
	if err := swiftcode.Names("a b", "c/d"); err != nil {
		t.Error(err)
	}
}

func TestTokenThatIsNoMore(t *testing.T) {
	r := newRig(t)
	r.swift.Put(project, "c", "x", r.zip("x"))
	r.swift.Revoke(token)
	_, fetchErr := r.source.Fetch(t.Context(), token, project, named("x"), nil)
	_, etagErr := r.source.ETag(t.Context(), token, project, named("x"))
	for _, err := range []error{fetchErr, etagErr} {
		if faas.KindOf(err) != faas.Unauthenticated || !strings.Contains(err.Error(), "token is not valid") ||
			strings.Contains(err.Error(), token) {
			t.Errorf("got %v", err)
		}
	}
}

// TestRoomIsAskedForBeforeAnythingIsKept has an object whose size is announced, and a project with
// room for less.
func TestRoomIsAskedForBeforeAnythingIsKept(t *testing.T) {
	r := newRig(t)
	zip := r.zip("x")
	r.swift.Put(project, "c", "x", zip)
	for refused := range 3 { // never, when it is announced, when it is there
		var asked []int64
		code, err := r.source.Fetch(t.Context(), token, project, named("x"), func(_ context.Context, size int64) error {
			if asked = append(asked, size); len(asked) == 3-refused {
				return faas.Errorf(faas.OverQuota, "No.")
			}
			return nil
		})
		if code.ETag == "" || len(asked) != min(2, 3-refused) || asked[0] != int64(len(zip)) {
			t.Errorf("asked for %v, and given %+v", asked, code)
		}
		if want := map[bool]faas.Kind{true: faas.OverQuota}[refused > 0]; faas.KindOf(err) != want {
			t.Errorf("refused %d: %v", refused, err)
		}
		if _, _, err := r.code.Open(t.Context(), sumOf(zip)); (err == nil) != (refused == 0) {
			t.Errorf("refused %d: the store has %v", refused, err)
		}
		if err := r.code.Delete(t.Context(), sumOf(zip)); err != nil {
			t.Fatal(err)
		}
	}
}

// hangTimeout ends a test that hangs. No machine is so slow that a test which makes progress
// reaches it.
const hangTimeout = 5 * time.Minute

// TestObjectsAreReadAFewAtATime has Swift slow: a third object of a project waits for its turn,
// another project's does not.
func TestObjectsAreReadAFewAtATime(t *testing.T) {
	r := newRig(t)
	r.swift.Put(project, "c", "x", r.zip("x"))
	r.swift.Grant("another", "another")
	r.swift.Put("another", "c", "x", r.zip("y"))
	r.swift.Hold()
	var all sync.WaitGroup
	fetch := func(token faas.Secret, project string) {
		all.Go(func() {
			if _, err := r.source.Fetch(t.Context(), token, project, named("x"), nil); err != nil {
				t.Error(err)
			}
		})
	}
	asked := 0
	await := func(want int) {
		t.Helper()
		for end := time.Now().Add(hangTimeout); asked < want && time.Now().Before(end); time.Sleep(time.Millisecond) {
			asked += len(r.swift.Requests())
		}
		if asked != want {
			t.Errorf("Swift was asked %d times, not %d", asked, want)
		}
	}
	for range 4 {
		fetch(token, project)
	}
	await(2)
	fetch("another", "another")
	await(3)
	brief, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := r.source.Fetch(brief, token, project, named("x"), nil); faas.KindOf(err) != faas.Busy {
		t.Errorf("one more: %v", err)
	}
	await(3)
	r.swift.Release()
	all.Wait()
	await(5)
}
