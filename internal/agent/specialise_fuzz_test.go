package agent

import (
	"bufio"
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/openstack-faas/faas/internal/faas"
)

// FuzzSpecialise reads whatever a request to specialise may hold; what is wrong with it is never
// our fault.
func FuzzSpecialise(f *testing.F) {
	f.Add([]byte(`{"key":{"function_id":"f"},"entry":"a.b","sha256":"x"}` + "\nPK"))
	f.Add([]byte("{}\n"))
	f.Add([]byte("\n\n"))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, b []byte) {
		r := bufio.NewReaderSize(bytes.NewReader(b), 4096)
		var bad *packageError
		s, err := readHead(r)
		if err != nil {
			if !errors.As(err, &bad) {
				t.Errorf("blames us: %v", err)
			}
			return
		}
		if s.Key.FunctionID == "" || s.Entry == "" {
			t.Errorf("took %q", b)
		}
		p, err := spool(r, dir)
		if err != nil {
			t.Fatal(err)
		}
		defer p.close()
		if _, after, _ := bytes.Cut(b, []byte("\n")); int64(len(after)) != p.size {
			t.Errorf("kept %d bytes of %d", p.size, len(after))
		}
	})
}

func TestSpoolBounds(t *testing.T) {
	for name, c := range map[string]struct {
		size   int64
		inFile bool
		bad    bool
	}{
		"empty":        {0, false, false},
		"small":        {inMemory - 1, false, false},
		"just in file": {inMemory, true, false},
		"large":        {3 * inMemory, true, false},
		"largest":      {faas.MaxPackageSize, true, false},
		"too large":    {faas.MaxPackageSize + 1, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := spool(strings.NewReader(strings.Repeat("x", int(c.size))), t.TempDir())
			var bad *packageError
			if errors.As(err, &bad) != c.bad || err != nil && !c.bad {
				t.Fatalf("got %v", err)
			}
			if err != nil {
				return
			}
			defer p.close()
			if p.size != c.size || (p.file != nil) != c.inFile {
				t.Errorf("size %d, in a file %v", p.size, p.file != nil)
			}
			if c.size > 0 {
				var last [1]byte
				if _, err := p.ReadAt(last[:], c.size-1); err != nil || last[0] != 'x' {
					t.Errorf("last byte %q, %v", last, err)
				}
			}
		})
	}
}
