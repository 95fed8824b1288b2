package logclip

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// Whatever the sizes of the pieces, what is kept is the text's beginning and end, and the mark has
// the rest's size.
func TestClip(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		limit := 2 + random.IntN(60)
		c := New(int64(limit))
		for range 3 { // it is used for one call after another
			var text bytes.Buffer
			for range random.IntN(12) {
				piece := make([]byte, random.IntN(40))
				for i := range piece {
					piece[i] = 'a' + byte(random.IntN(26))
				}
				text.Write(piece)
				_, _ = c.Write(piece)
			}
			want := text.String()
			if len(want) > limit {
				cut := len(want) - limit
				want = want[:limit/2] + fmt.Sprintf("\n[… %d bytes of the log were cut out here …]\n", cut) + want[limit/2+cut:]
			}
			if got := c.Take(); got != want {
				t.Fatalf("limit %d: got %q, want %q", limit, got, want)
			}
		}
	}
}

func TestClipKeepsCharactersWhole(t *testing.T) {
	for limit := 4; limit < 40; limit++ {
		c := New(int64(limit))
		_, _ = c.Write([]byte(strings.Repeat("€", 100)))
		if got := c.Take(); strings.Trim(strings.ReplaceAll(got, "€", ""), "\n")[0] != '[' ||
			strings.ToValidUTF8(got, "?") != got {
			t.Fatalf("limit %d: %q", limit, got)
		}
	}
}
