package agent

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func TestLines(t *testing.T) {
	long := strings.Repeat("x", 9000)
	for name, c := range map[string]struct {
		text string
		max  int
		want []string
		end  error
	}{
		"none":             {"", 10, nil, io.EOF},
		"some":             {"a\n\nbc\n", 10, []string{"a", "", "bc"}, io.EOF},
		"cut short":        {"a\nb", 10, []string{"a"}, io.ErrUnexpectedEOF},
		"at the bound":     {"abc\n", 3, []string{"abc"}, io.EOF},
		"over the bound":   {"abcd\n", 3, nil, errLineTooLong},
		"beyond a buffer":  {long + "\na\n", 9000, []string{long, "a"}, io.EOF},
		"long, over bound": {long + "\n", 8999, nil, errLineTooLong},
		"never ends":       {long, 5000, nil, errLineTooLong},
	} {
		t.Run(name, func(t *testing.T) {
			for _, r := range []io.Reader{strings.NewReader(c.text), iotest.OneByteReader(strings.NewReader(c.text))} {
				lines := newLineReader(r, c.max)
				for _, want := range c.want {
					if got, err := lines.next(); err != nil || string(got) != want {
						t.Fatalf("got %.20q, %v, want %.20q", got, err, want)
					}
				}
				if _, err := lines.next(); !errors.Is(err, c.end) {
					t.Errorf("ends with %v, want %v", err, c.end)
				}
			}
		})
	}
}

// FuzzReadMessage reads whatever a runtime may send, as the root's messages and as a slot's results.
func FuzzReadMessage(f *testing.F) {
	for _, seed := range []string{
		`{"type":"hello","protocol":1,"version":"3.11"}` + "\n", `{"type":"exited","slot":1,"signal":9}` + "\n",
		`{"type":"result","status":"success","output":{"a":1}}` + "\n", "{}\n{}\n", "\n", "null\n", `{"type":"result","status":"failed","output":"x","last":true}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		const most = 1 << 10
		lines := newLineReader(bytes.NewReader(b), most)
		for {
			line, err := lines.next()
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
