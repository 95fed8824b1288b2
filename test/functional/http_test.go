package functional

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// rawAnswer sends bytes as they are and returns what comes back.
func rawAnswer(t *testing.T, address, sent string) (status int, contentType, body string) {
	t.Helper()
	var d net.Dialer
	c, err := d.DialContext(testContext(t), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, sent); err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatalf("%.100q: %v", sent, err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, answer.Header.Get("Content-Type"), string(text)
}

// TestMalformedHTTP sends what is hardly HTTP. What the API gets to see is refused as everything
// is; what the server itself refuses is text, as the API's description says.
func TestMalformedHTTP(t *testing.T) {
	var log logBuffer
	s := start(testContext(t), t, t.TempDir(), "", &log)
	defer stop(t, s)
	const host = "Host: faas.example.org\r\n"
	post := "POST /v1/executions HTTP/1.1\r\n" + host + "Connection: close\r\n"
	// just too large: what the server leaves unread would have its answer lost
	const large, maxHeader = "GET / HTTP/1.1\r\n" + host + "X-Large: ", 64<<10 + 4<<10
	for name, c := range map[string]struct {
		sent   string
		status int
		json   bool
	}{
		"every option":          {"OPTIONS * HTTP/1.1\r\n" + host + "\r\n", 404, true},
		"a tunnel":              {"CONNECT example.org:443 HTTP/1.1\r\n" + host + "\r\n", 404, true},
		"HTTP/2 from the start": {"PRI * HTTP/2.0\r\n\r\n", 404, true},
		"an unknown method":     {"BREW /v1/functions HTTP/1.1\r\n" + host + "\r\n", 405, true},
		"a length that lies": {
			post + "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400, true,
		},
		"as old as HTTP/1.0": {"GET /v1/nothing HTTP/1.0\r\n\r\n", 404, true},

		"no host":               {"GET /v1/functions HTTP/1.1\r\n\r\n", 400, false},
		"no request":            {"hello\r\n\r\n", 400, false},
		"an expectation":        {post + "Expect: a-pony\r\nContent-Length: 2\r\n\r\n{}", 417, false},
		"large headers":         {large + strings.Repeat("x", maxHeader-len(large)), 431, false},
		"an encoding":           {post + "Transfer-Encoding: gzip\r\n\r\n", 501, false},
		"a version to come":     {"GET / HTTP/9.9\r\n" + host + "\r\n", 505, false},
		"a header with a break": {"GET / HTTP/1.1\r\n" + host + "X-A: a\x00b\r\n\r\n", 400, false},
	} {
		t.Run(name, func(t *testing.T) {
			status, contentType, body := rawAnswer(t, s.Address(), c.sent)
			var fault struct{ Faultstring string }
			isJSON := json.Unmarshal([]byte(body), &fault) == nil && fault.Faultstring != ""
			if status != c.status || isJSON != c.json || isJSON != (contentType == "application/json") {
				t.Errorf("%d %s %s, want %d, JSON: %v", status, contentType, body, c.status, c.json)
			}
		})
	}
}
