package plainhttp_test

import (
	"bufio"
	"bytes"
	"net/http"
	"strings"
	"testing"

	"github.com/openstack-faas/faas/internal/plainhttp"
)

const post = "POST / HTTP/1.1\r\n"

func TestRead(t *testing.T) {
	for name, c := range map[string]struct {
		head            string
		complete, plain bool
	}{
		"request":            {"POST /v1/call HTTP/1.1\r\nHost: w\r\nContent-Length: 12\r\n\r\nrest", true, true},
		"answer":             {"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", true, true},
		"token":              {post + "Authorization: Bearer a b\r\nContent-Length: 1\r\n\r\n", true, true},
		"nothing":            {"", false, false},
		"not all there":      {"POST /v1/call HTTP/1.1\r\nContent-Length: 12\r\n", false, false},
		"no length":          {post + "Host: w\r\n\r\n", true, false},
		"two lengths":        {post + "Content-Length: 1\r\nContent-Length: 1\r\n\r\n", true, false},
		"two tokens":         {post + "Authorization: a\r\nauthorization: b\r\nContent-Length: 1\r\n\r\n", true, false},
		"negative length":    {post + "Content-Length: -1\r\n\r\n", true, false},
		"signed length":      {post + "Content-Length: +1\r\n\r\n", true, false},
		"length of nothing":  {post + "Content-Length:\r\n\r\n", true, false},
		"endless length":     {post + "Content-Length: 99999999999\r\n\r\n", true, false},
		"chunks":             {post + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", true, false},
		"last":               {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\n", true, false},
		"asks first":         {post + "Content-Length: 1\r\nexpect: 100-continue\r\n\r\n", true, false},
		"folded":             {post + "Content-Length: 1\r\nX: a\r\n Transfer-Encoding: chunked\r\n\r\n", true, false},
		"space before colon": {post + "Content-Length: 1\r\nTransfer-Encoding : chunked\r\n\r\n", true, false},
		"no colon":           {post + "Content-Length: 1\r\nX\r\n\r\n", true, false},
		"bare line feed":     {post + "X: a\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n", true, false},
		"zero byte":          {post + "X: \x00\r\nContent-Length: 1\r\n\r\n", true, false},
	} {
		t.Run(name, func(t *testing.T) {
			if _, complete, plain := plainhttp.Read([]byte(c.head)); complete != c.complete || plain != c.plain {
				t.Errorf("complete %v, plain %v", complete, plain)
			}
		})
	}
}

func TestReadParts(t *testing.T) {
	const head = "POST /v1/call HTTP/1.1\r\nHost: worker\r\n" +
		"Authorization: Bearer abc\r\nContent-Length: 42\r\n\r\n"
	h, _, plain := plainhttp.Read([]byte(head + "body"))
	if !plain || string(h.First) != "POST /v1/call HTTP/1.1" || string(h.Authorization) != "Bearer abc" ||
		h.Length != 42 || h.Size != len(head) {
		t.Errorf("%v %q %q %d %d", plain, h.First, h.Authorization, h.Length, h.Size)
	}
}

// FuzzRead has net/http read what is taken for plain: it must find the same.
func FuzzRead(f *testing.F) {
	for _, head := range []string{
		"POST /v1/call HTTP/1.1\r\nHost: worker\r\nAuthorization: Bearer abc\r\nContent-Length: 42\r\n\r\n",
		"POST /v1/call HTTP/1.1\r\nhost: w\r\nX-A: b\r\ncontent-length: 7\r\nTransfer-Encoding: chunked\r\n\r\n",
		post + "Content-Length: 1\r\nX: a\r\n b\r\nConnection: close\r\n\r\n",
	} {
		f.Add([]byte(head))
	}
	f.Fuzz(func(t *testing.T, head []byte) {
		h, _, plain := plainhttp.Read(head)
		if !plain || !bytes.HasPrefix(head, []byte("POST /v1/call HTTP/1.1\r\n")) {
			return
		}
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(head)))
		if err != nil {
			if strings.Contains(err.Error(), "Host") || strings.Contains(err.Error(), "malformed") {
				return // it refuses what nobody here looks at
			}
			t.Fatal(err)
		}
		if r.ContentLength != h.Length || r.Close || len(r.TransferEncoding) > 0 {
			t.Errorf("net/http finds length %d, close %v, %v; plainhttp %d", r.ContentLength, r.Close, r.TransferEncoding,
				h.Length)
		}
		if got := strings.Join(r.Header["Authorization"], "|"); got != string(h.Authorization) {
			t.Errorf("authorization %q and %q", got, h.Authorization)
		}
	})
}
