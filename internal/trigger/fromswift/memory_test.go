package fromswift

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/pkg/swift"
)

// filled is a memory of n objects, the i-th of which is i*step milliseconds old.
func filled(n int, step int64, name func(i int) string) *memory {
	random := rand.New(rand.NewPCG(1, 2))
	m := newMemory(memoryBytes)
	for i := range n {
		v := version{1_795_000_000_000 - int64(i)*step, random.Uint32()}
		if name != nil {
			if m.names == nil {
				m.names = map[string]version{}
			}
			m.names[name(i)] = v
		}
		m.add(v)
	}
	return m
}

func TestMemoryRemains(t *testing.T) {
	for what, m := range map[string]*memory{
		"nothing": newMemory(memoryBytes), "versions": filled(3000, 1000, nil),
		"no name": {versions: map[version]bool{}, names: map[string]version{}, room: memoryBytes},
		"names":   filled(2000, 1000, func(i int) string { return fmt.Sprintf("photos/2026/IMG_%05d.jpg", i*7) }),
		"odd names": filled(300, -5, func(i int) string {
			return strings.Repeat("ü", i%3) + string(rune(1+i)) + strings.Repeat("x", i)
		}),
	} {
		before := maps.Clone(m.versions)
		versions, names := m.encode(whole)
		again := newMemory(memoryBytes)
		if err := again.decodeVersions(versions); err != nil {
			t.Fatal(err)
		}
		if m.names != nil {
			if err := again.decodeNames(names); err != nil {
				t.Fatal(what, err)
			}
		}
		if !reflect.DeepEqual(again.names, m.names) || len(again.versions) != len(before) || m.horizon != 0 {
			t.Errorf("%s: %d names, %d versions, not %d and %d", what,
				len(again.names), len(again.versions), len(m.names), len(before))
		}
		for v := range before {
			if !again.seen(v) {
				t.Fatalf("%s: %v is not known any more", what, v)
			}
		}
	}
}

// TestRoom says how much is remembered, and that what is forgotten counts as seen.
func TestRoom(t *testing.T) {
	for _, step := range []int64{1, 1000, 3_600_000} {
		m := filled(20_000, step, nil)
		all := maps.Clone(m.versions)
		versions, _ := m.encode(whole)
		again := newMemory(memoryBytes)
		if err := again.decodeVersions(versions); err != nil {
			t.Fatal(err)
		}
		again.horizon = m.horizon
		t.Logf("one each %d ms: %d are remembered in %d bytes", step, len(again.versions), len(versions))
		if len(again.versions) < 5000 || len(versions) > memoryBytes {
			t.Errorf("%d in %d bytes", len(again.versions), len(versions))
		}
		for v := range all {
			if !again.seen(v) {
				t.Fatalf("%v is new again", v)
			}
		}
		if again.seen(version{m.horizon + 1, 7}) {
			t.Error("what is newer than all that was forgotten is not new")
		}
	}
	for what, name := range map[string]func(i int) string{
		"numbers": func(i int) string { return fmt.Sprintf("photos/2026/IMG_%05d.jpg", i) },
		"UUIDs": func(i int) string {
			h := swift.MD5([]byte(fmt.Sprint(i)))
			return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
		},
	} {
		fit := 0
		for n := 500; namesFit(filled(n, 60_000, name).names, memoryBytes); n += 500 {
			fit = n
		}
		t.Logf("%s: %d names are remembered", what, fit)
		if fit < 1500 {
			t.Errorf("%s: %d", what, fit)
		}
	}
}

// TestForgetsInTheMidst has a list of which a part was read: what is yet to come stays known.
func TestForgetsInTheMidst(t *testing.T) {
	m := filled(6000, 1000, nil)
	for v := range m.versions {
		m.versions[v] = false
	}
	toCome := maps.Clone(m.versions)
	for i := range 8000 { // newer than all of them
		m.add(version{1_796_000_000_000 + int64(i), uint32(i)})
	}
	versions, _ := m.encode(part)
	again := newMemory(memoryBytes)
	if err := again.decodeVersions(versions); err != nil {
		t.Fatal(err)
	}
	again.horizon, again.forgotten = m.horizon, m.forgotten
	for v := range toCome {
		if !again.seen(v) {
			t.Fatalf("%v is new again", v)
		}
	}
	if again.seen(version{1_796_000_000_000 - 1, 1}) {
		t.Error("what is newer than those is not new")
	}
	again.encode(rest)
	for i := range 8000 {
		if !again.seen(version{1_796_000_000_000 + int64(i), uint32(i)}) {
			t.Fatal("what was met is new in the next look")
		}
	}
}

func FuzzState(f *testing.F) {
	m := filled(50, 1000, func(i int) string { return fmt.Sprint("name-", i) })
	m.add(version{5, 5})
	st := state{Of: Settings{Container: "c"}.about(), Marker: []byte("m")}
	f.Add([]byte(st.write(m, whole)), []byte("x"), []byte("y"))
	f.Add([]byte(`{"paused": true}`), encodeNames(m.names), []byte{1, 2, 3, 4, 5})
	f.Fuzz(func(_ *testing.T, text, names, versions []byte) {
		_, _, _, _ = remembered(faas.Trigger{State: string(text)}, Settings{Container: "c"}, memoryBytes)
		_ = newMemory(memoryBytes).decodeNames(names)
		_ = newMemory(memoryBytes).decodeVersions(versions)
	})
}

// TestStale has a container whose objects are overwritten for ever: what is no more is forgotten,
// and nothing that is there.
func TestStale(t *testing.T) {
	m := filled(100, 1000, nil)
	there := maps.Clone(m.versions)
	for round := range 100 {
		for v := range m.versions {
			m.versions[v] = there[v]
		}
		for i := range 500 { // each is met once
			m.add(version{1_796_000_000_000 + int64(round*1000+i), uint32(i)})
		}
		versions, _ := m.encode(whole)
		again := newMemory(memoryBytes)
		if err := again.decodeVersions(versions); err != nil {
			t.Fatal(err)
		}
		m = again
	}
	if n := len(m.versions); n > 100+500+memoryBytes/staleBytes || n < memoryBytes/staleBytes || m.horizon != 0 {
		t.Errorf("%d versions, back to %d", n, m.horizon)
	}
	for v := range there {
		if !m.seen(v) {
			t.Fatalf("%v is not known any more", v)
		}
	}
}

// TestNoRoomForNames has names that grow amid a list.
func TestNoRoomForNames(t *testing.T) {
	m := filled(3000, 1000, func(i int) string { return swift.MD5([]byte(fmt.Sprint(i))) })
	all := maps.Clone(m.versions)
	versions, names := m.encode(part)
	if len(names) != 0 || m.names != nil || len(versions) > memoryBytes {
		t.Errorf("%d bytes of names, %d of versions", len(names), len(versions))
	}
	again := newMemory(memoryBytes)
	if err := again.decodeVersions(versions); err != nil {
		t.Fatal(err)
	}
	for v := range all {
		if !again.seen(v) {
			t.Fatalf("%v is not known any more", v)
		}
	}
}
