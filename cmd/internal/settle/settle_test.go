package settle

import (
	"os"
	"strings"
	"testing"
)

func TestReadOnly(t *testing.T) {
	const program = "/usr/bin/faas agent"
	for line, want := range map[string]uintptr{
		"00400000-00755000 r-xp 00000000 fe:00 131 /usr/bin/faas agent\n":               0x355000,
		"00755000-00ae5000 r--p 00355000 fe:00 131    /usr/bin/faas agent\n":            0x390000,
		"00ae5000-00b43000 rw-p 006e5000 fe:00 131 /usr/bin/faas agent\n":               0,
		"7f06177fb000-7f06177fc000 r--p 00000000 fe:00 131 /usr/lib/libc.so.6\n":        0,
		"7f06177fb000-7f06177fc000 r--p 00000000 00:00 0\n":                             0,
		"ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0 /usr/bin/faas agent\n": 0,
		"nonsense\n": 0,
	} {
		if _, size, ok := readOnly(line, program); size != want || ok != (want > 0) {
			t.Errorf("%q: %#x, %v", line, size, ok)
		}
	}
}

// TestNow settles this process, which goes on.
func TestNow(t *testing.T) {
	resident := func() string {
		text, err := os.ReadFile("/proc/self/status")
		if err != nil {
			t.Skip(err)
		}
		_, rest, _ := strings.Cut(string(text), "RssFile:")
		line, _, _ := strings.Cut(rest, "\n")
		return strings.TrimSpace(line)
	}
	before := resident()
	Now()
	t.Logf("pages of files: %s before, %s after", before, resident())
}
