package frombus

import "testing"

// FuzzSift has any message looked at.
func FuzzSift(f *testing.F) {
	for _, m := range samples(f) {
		f.Add(m.body)
		f.Add(m.bare)
	}
	x := NewIndex(IndexConfig{})
	x.replace(triggersOf("6f70656e737461636b20342065766572", `{"event_type":"*"}`))
	s := NewSifter(SifterConfig{Index: x, Taker: &taker{}})
	f.Fuzz(func(t *testing.T, body []byte) {
		if bring := s.Sift(body); bring != nil {
			if err := bring(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	})
}
