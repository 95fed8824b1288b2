package agent

import (
	"bytes"
	"testing"

	"github.com/openstack-faas/faas/internal/jsonlines"
)

// FuzzReadMessage reads whatever a runtime may send, as the root's messages and as a slot's
// results.
func FuzzReadMessage(f *testing.F) {
	for _, seed := range []string{
		`{"type":"hello","protocol":1,"version":"3.11"}` + "\n", `{"type":"exited","slot":1,"signal":9}` + "\n",
		`{"type":"result","status":"success","output":{"a":1}}` + "\n", "{}\n{}\n", "\n", "null\n", `{"type":"result","status":"failed","output":"x","last":true}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		const most = 1 << 10
		lines := jsonlines.NewReader(bytes.NewReader(b), most)
		for {
			line, err := lines.Next()
			if err != nil {
				return
			}
			if len(line) > most || bytes.IndexByte(line, '\n') >= 0 {
				t.Fatalf("line of %d bytes", len(line))
			}
			_, _ = decodeFromRoot(line)
			if r, err := decodeResult(line); err == nil && (len(r.Output) == 0 || r.Status == "") {
				t.Fatalf("took %q for a result", line)
			}
		}
	})
}
