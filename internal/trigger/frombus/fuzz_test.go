package frombus

import (
	"context"
	"testing"
	"time"
)

// FuzzSift has any message looked at.
func FuzzSift(f *testing.F) {
	for _, m := range samples(f) {
		f.Add(m.body)
		f.Add(m.bare)
	}
	f.Add(proxy("put", owner, "c/o"))
	x := NewIndex(IndexConfig{})
	x.know(triggersOf("6f70656e737461636b20342065766572", `{"event_type":"*"}`))
	containers := NewContainers(IndexConfig{})
	containers.know(watching(owner, "c"))
	s := NewSifter(SifterConfig{
		Index: x, Taker: &taker{}, Containers: containers,
		Wake: func(context.Context, string, time.Duration) (bool, error) { return true, nil },
	})
	f.Fuzz(func(t *testing.T, body []byte) {
		if bring := s.Sift(body); bring != nil {
			if err := bring(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	})
}
