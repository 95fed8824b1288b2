package jsonlines

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func TestReader(t *testing.T) {
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
		"over the bound":   {"abcd\n", 3, nil, ErrTooLong},
		"beyond a buffer":  {long + "\na\n", 9000, []string{long, "a"}, io.EOF},
		"long, over bound": {long + "\n", 8999, nil, ErrTooLong},
		"never ends":       {long, 5000, nil, ErrTooLong},
	} {
		t.Run(name, func(t *testing.T) {
			for _, r := range []io.Reader{strings.NewReader(c.text), iotest.OneByteReader(strings.NewReader(c.text))} {
				lines := NewReader(r, c.max)
				for _, want := range c.want {
					if got, err := lines.Next(); err != nil || string(got) != want {
						t.Fatalf("got %.20q, %v, want %.20q", got, err, want)
					}
				}
				if _, err := lines.Next(); !errors.Is(err, c.end) {
					t.Errorf("ends with %v, want %v", err, c.end)
				}
			}
		})
	}
}
