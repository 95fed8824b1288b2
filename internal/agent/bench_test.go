package agent_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
)

// wire is a connection to an agent without the costs of a general HTTP client, as internal/dispatch
// has it.
type wire struct {
	net.Conn
	reader *bufio.Reader
}

func dial(b testing.TB, address string) *wire {
	b.Helper()
	network, where, _ := strings.Cut(address, ":")
	conn, err := net.Dial(network, where)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { conn.Close() })
	return &wire{Conn: conn, reader: bufio.NewReader(conn)}
}

func (w *wire) post(b testing.TB, path string, body []byte) []byte {
	b.Helper()
	head := fmt.Appendf(
		nil, "POST %s HTTP/1.1\r\nHost: worker\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n", path,
		testToken, len(body),
	)
	if _, err := w.Write(append(head, body...)); err != nil {
		b.Fatal(err)
	}
	answer, err := http.ReadResponse(w.reader, nil)
	if err != nil {
		b.Fatal(err)
	}
	defer answer.Body.Close()
	content, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		b.Fatalf("%d %s %v", answer.StatusCode, content, err)
	}
	return content
}

func callBody(b testing.TB) []byte {
	b.Helper()
	body, err := json.Marshal(
		faas.Call{
			ExecutionID: faas.NewID(),
			Key:         testKey,
			Input:       json.RawMessage(`{"name":"Ada"}`),
			Timeout:     5 * time.Second,
		},
	)
	if err != nil {
		b.Fatal(err)
	}
	return body
}

var echo = map[string]files{
	"python3": {"main.py": "def main(name):\n    return {'hello': name}\n"},
	"nodejs":  {"main.js": "exports.main = ({name}) => ({hello: name});\n"},
}

// BenchmarkWarmCall is a call from the request on a kept connection to its answer.
func BenchmarkWarmCall(b *testing.B) {
	for runtime, code := range echo {
		b.Run(runtime, func(b *testing.B) {
			r := begin(b, runtime, nil).specialise("main.main", code)
			w, body := dial(b, r.said.Address), callBody(b)
			w.post(b, "/v1/call", body)
			for b.Loop() {
				w.post(b, "/v1/call", body)
			}
		})
	}
}

// BenchmarkWarmCallParallel keeps every slot busy.
func BenchmarkWarmCallParallel(b *testing.B) {
	r := begin(b, "python3", nil).specialise("main.main", echo["python3"])
	body := callBody(b)
	done := make(chan struct{})
	b.ResetTimer()
	for range 3 {
		go func() {
			w := dial(b, r.said.Address)
			for range b.N / 3 {
				w.post(b, "/v1/call", body)
			}
			done <- struct{}{}
		}()
	}
	for range 3 {
		<-done
	}
}

// BenchmarkSpecialise is claiming a generic worker with a package of one file, and its first call.
// Starting workers is not timed.
func BenchmarkSpecialise(b *testing.B) {
	for runtime, code := range echo {
		b.Run(runtime, func(b *testing.B) {
			request, body := specialisation(b, code.zip(b), "main.main"), callBody(b)
			var spent time.Duration
			for range b.N {
				r := begin(b, runtime, withGroup(b, 512<<20))
				w := dial(b, r.said.Address)
				begun := time.Now()
				w.post(b, "/v1/specialise", request)
				answer := w.post(b, "/v1/call", body)
				spent += time.Since(begun)
				if !bytes.Contains(answer, []byte("success")) {
					b.Fatal(string(answer))
				}
				w.Close()
				r.stop()
			}
			b.ReportMetric(float64(spent.Microseconds())/float64(b.N)/1000, "ms/cold")
		})
	}
}
