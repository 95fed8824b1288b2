package lru

import (
	"strings"
	"testing"
)

func keys[V any](c *Cache[string, V]) string {
	var all []string
	for key := range c.All() {
		all = append(all, key)
	}
	return strings.Join(all, " ")
}

func TestForgetsWhatWasUsedLongestAgo(t *testing.T) {
	c := New[string, int](3)
	for n, key := range []string{"a", "b", "c"} {
		c.Put(key, n)
	}
	if v, ok := c.Get("a"); !ok || v != 0 {
		t.Errorf("got %d, %v", v, ok)
	}
	if !c.Has("b") || c.Has("d") {
		t.Error("b is there, d is not")
	}
	c.Put("d", 3) // b goes: to ask whether it is there was no use of it
	if got := keys(c); got != "d a c" || c.Len() != 3 {
		t.Errorf("%s are kept", got)
	}
	if _, ok := c.Get("b"); ok {
		t.Error("what was forgotten is there")
	}
	c.Put("c", 9)
	if v, _ := c.Get("c"); v != 9 || c.Len() != 3 {
		t.Errorf("a key has one value: %d of %d", v, c.Len())
	}
	for key := range c.All() {
		c.Delete(key)
	}
	c.Delete("never there")
	if c.Len() != 0 || c.used != 0 {
		t.Errorf("%d are left, of weight %d", c.Len(), c.used)
	}
}

func TestWeights(t *testing.T) {
	c := NewWeighted[string](10, func(v string) int64 { return int64(len(v)) })
	c.Put("a", "1234")
	c.Put("b", "1234")
	c.Put("heavy", "12345678901")
	if got := keys(c); got != "b a" {
		t.Errorf("a value that is too heavy had %s", got)
	}
	c.Put("c", "1234567")
	if got := keys(c); got != "c" || c.used != 7 {
		t.Errorf("%s are kept, of weight %d", got, c.used)
	}
	c.Put("c", "12345678901")
	if c.Len() != 0 {
		t.Error("the value that was replaced is kept")
	}
}
