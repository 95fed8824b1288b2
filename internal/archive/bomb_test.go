package archive

import (
	"archive/zip"
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/openstack-faas/faas/internal/faas"
)

// bomb is a zip of n entries of a megabyte of zeros each, deflated once. Each declares the given size.
func bomb(t *testing.T, n int, declared uint64) []byte {
	t.Helper()
	seed := &bytes.Buffer{}
	z := zip.NewWriter(seed)
	w, _ := z.Create("zeros")
	_, _ = w.Write(make([]byte, 1<<20))
	z.Close()
	in, err := zip.NewReader(bytes.NewReader(seed.Bytes()), int64(seed.Len()))
	if err != nil {
		t.Fatal(err)
	}
	raw, _ := in.File[0].OpenRaw()
	data, _ := io.ReadAll(raw)
	out := &bytes.Buffer{}
	z = zip.NewWriter(out)
	for i := range n {
		h := in.File[0].FileHeader
		h.Name, h.UncompressedSize64 = strings.Repeat("z", i+1), declared
		w, _ := z.CreateRaw(&h)
		_, _ = w.Write(data)
	}
	z.Close()
	return out.Bytes()
}

func TestBombThatDeclaresItself(t *testing.T) {
	b := bomb(t, 100, 6<<20)
	err := Check(bytes.NewReader(b), int64(len(b)))
	if faas.KindOf(err) != faas.Invalid || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("got %v", err)
	}
}

// Inflating stops at what is left of the allowance, whether the entry is honest about its megabyte or not.
func TestInflateStops(t *testing.T) {
	for name, declared := range map[string]uint64{"honest": 1 << 20, "lying": 10} {
		t.Run(name, func(t *testing.T) {
			b := bomb(t, 1, declared)
			z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
			if err != nil {
				t.Fatal(err)
			}
			var sink bytes.Buffer
			n, err := inflate(z.File[0], &sink, 1000)
			if faas.KindOf(err) != faas.Invalid {
				t.Errorf("got %v", err)
			}
			if n > 1001 || sink.Len() > 1001 {
				t.Errorf("inflated %d bytes of 1000 allowed", sink.Len())
			}
		})
	}
}
