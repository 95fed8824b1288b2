package archive

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/openstack-faas/faas/internal/faas"
)

// bomb is a zip of n entries of a megabyte of zeros each, deflated once. Each declares the given
// size.
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

// A zip may consist of entries alone, each a few bytes. They are refused before there is memory for
// all of them, even if the zip says that it has none.
func TestBombOfEntries(t *testing.T) {
	const entries = 1_000_000
	out := &bytes.Buffer{}
	for range entries {
		header := [47]byte{0: 'P', 1: 'K', 2: 1, 3: 2, 28: 1, 46: 'a'}
		out.Write(header[:])
	}
	end := [22]byte{0: 'P', 1: 'K', 2: 5, 3: 6}
	counts := map[string][2]uint16{"honest": {entries % (1 << 16), entries % (1 << 16)}, "lying": {}}
	for name, count := range counts {
		t.Run(name, func(t *testing.T) {
			tail := end
			binary.LittleEndian.PutUint16(tail[8:], count[0])
			binary.LittleEndian.PutUint16(tail[10:], count[1])
			binary.LittleEndian.PutUint32(tail[12:], uint32(out.Len()))
			b := append(bytes.Clone(out.Bytes()), tail[:]...)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			err := Check(bytes.NewReader(b), int64(len(b)))
			runtime.ReadMemStats(&after)
			if faas.KindOf(err) != faas.Invalid || !strings.Contains(err.Error(), "directory") {
				t.Errorf("got %v", err)
			}
			if took := after.TotalAlloc - before.TotalAlloc; took > 160<<20 {
				t.Errorf("it took %d MiB", took>>20)
			}
		})
	}
}

// Inflating stops at what is left of the allowance, whether the entry is honest about its megabyte
// or not.
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
