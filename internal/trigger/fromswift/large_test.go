package fromswift

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/trigger"
	"github.com/openstack-faas/faas/pkg/swift"
)

// fill puts objects: into the small Swift without asking it.
func (r *rig) fill(names ...string) {
	r.Helper()
	if r.small == nil {
		r.putMany(names...)
		return
	}
	for _, name := range names {
		r.small.Put("p", r.container, name, []byte(name))
	}
}

// clock is a time that a test moves on.
type clock struct{ now time.Time }

func (r *rig) clock() *clock {
	c := &clock{time.Now()}
	r.keeper.cfg.Now = func() time.Time { return c.now }
	return c
}

// asks looks once and says by which requests.
func (r *rig) asks() string {
	r.Helper()
	r.cloud.asked()
	if _, err := r.look(r.Context()); err != nil {
		r.Fatal(err)
	}
	return r.cloud.asked()
}

// TestRequests counts them in a container of two pages: 12,000 objects in the small Swift, fewer
// and shorter pages in the real one.
func TestRequests(t *testing.T) {
	t.Run("small", func(t *testing.T) { testRequests(onSmall(t, ""), realLimits) })
	t.Run("real", func(t *testing.T) {
		testRequests(onReal(t, ""), limits{page: 100, pages: 3, memory: memoryBytes, small: 5})
	})
}

func testRequests(r *rig, limits limits) {
	r.limits = limits
	r.another()
	clock := r.clock()
	r.fill(numbered(0, limits.page*12/10)...)
	r.t.CreatedAt = time.Now()
	step := func(what, want string, events int) {
		r.Helper()
		before := r.taker.count()
		if asked := r.asks(); asked != want || r.taker.count()-before != events {
			r.Errorf("%s: asked %q, %d events", what, asked, r.taker.count()-before)
		}
		clock.now = clock.now.Add(10 * time.Second)
	}
	step("at first", "GET GET", 0)
	state := r.t.State
	for range 5 {
		step("idle", "HEAD", 0)
	}
	step("idle for a minute", "GET GET", 0)
	if r.t.State != state {
		r.Error("the state changed although nothing else did")
	}
	r.put("object-000007+", "new")
	step("a new one", "HEAD GET GET", 1)
	r.put("object-000007+", "longer than new")
	step("overwritten by more bytes", "HEAD GET GET", 1)
	r.put("object-000008", "as-many-bytes")
	step("overwritten by as many bytes, which counts do not show", "HEAD", 0)
	r.keeper.Wake(r.t.ID)
	step("but whoever heard of it", "GET GET", 1)
	step("idle", "HEAD", 0)
	r.another()
	clock = r.clock()
	step("another process", "GET GET", 0)
	r.delete("object-000008")
	step("a deletion, which nobody wants to know of", "HEAD GET GET", 0)
	r.put("object-000009", "as-many-bytes")
	clock.now = clock.now.Add(time.Minute)
	step("overwritten a minute ago", "GET GET", 1)
	r.t.Settings = r.settings(`, "prefix": "object-00001"`)
	r.t.UpdatedAt = clock.now
	step("a prefix", "GET", 0)
}

// TestCursor has a container that one look does not read to its end, and more that is new than is
// remembered.
func TestCursor(t *testing.T) {
	t.Run("small", func(t *testing.T) { testCursor(onSmall(t, both), 1000) })
	t.Run("real", func(t *testing.T) { testCursor(onReal(t, both), 40) })
}

func testCursor(r *rig, page int) {
	there, more := 3*page, page*21/20
	r.limits = limits{page: page, pages: 3, memory: page * 9 / 2, small: page / 10}
	r.another()
	r.fill(numbered(0, there)...)
	r.fill("z1", "z2", "z3")
	r.t.CreatedAt = time.Now()
	if asked := r.asks(); asked != "GET GET GET" || !strings.Contains(r.t.State, "marker") {
		r.Errorf("asked %q", asked)
	}
	if asked := r.asks(); asked != "GET" || strings.Contains(r.t.State, "marker") {
		r.Errorf("asked %q", asked)
	}
	kept, err := r.look(r.Context())
	if err != nil || !strings.Contains(kept.Note, "Deletions are not seen") || kept.Again != 10*time.Second {
		r.Errorf("%+v, %v", kept, err)
	}
	r.see()
	if r.taker.came != 0 {
		r.Fatalf("%d events of what was there", r.taker.came)
	}
	for round := range 3 {
		var names []string
		for _, name := range numbered(0, more) { // between the others
			names = append(names, fmt.Sprint(name, "+", round))
		}
		r.fill(names...)
		r.fill("z2")
		n := r.see()
		n += r.see() // the first may have gone on from where one before ended
		if n != more+1 {
			r.Errorf("round %d: %d events, %d came", round, n, r.taker.came)
		}
		if n := r.see() + r.see(); n != 0 {
			r.Errorf("round %d: %d more", round, n)
		}
		r.another()
	}
	if r.taker.duplicates != 0 {
		r.Errorf("%d duplicates", r.taker.duplicates)
	}
	for _, e := range r.got() {
		if !strings.Contains(e, "+") && e != "created z2" {
			r.Fatalf("%s: an event of what was there before", e)
		}
	}
	_, m, _, err := remembered(r.t, Settings{Container: r.container}, r.limits.memory)
	if err != nil || len(m.versions) < page/2 || len(m.versions) > more {
		r.Errorf("%d versions are remembered, %v", len(m.versions), err)
	}
}

// TestHeardOf has somebody hear of a change in a container that takes several looks: its end is
// reached soon, and the list is not read without a rest.
func TestHeardOf(t *testing.T) {
	r := onSmall(t, "")
	r.limits = limits{page: 1000, pages: 3, memory: memoryBytes, small: 100}
	r.another()
	clock := r.clock()
	r.fill(numbered(0, 6500)...)
	r.t.CreatedAt = time.Now()
	r.see()
	look := func() trigger.Kept {
		t.Helper()
		kept, err := r.look(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		clock.now = clock.now.Add(kept.Again)
		return kept
	}
	if kept := look(); kept.Again != 10*time.Second {
		t.Errorf("nobody has heard of anything, and it looks again after %s", kept.Again)
	}
	for kept := look(); strings.Contains(kept.State, "marker"); kept = look() {
	}
	heard := func(what string, looks int) {
		t.Helper()
		r.put("object-006400+", what)
		r.keeper.Wake(r.t.ID)
		n, began := 1, clock.now
		for look().Again < 10*time.Second {
			n++
		}
		if took := clock.now.Add(-10 * time.Second).Sub(began); n != looks || took > time.Duration(n)*3000*entryRest {
			t.Errorf("%s: %d looks in %s, want %d", what, n, took, looks)
		}
		if e := r.got(); len(e) != 1 || e[0] != "created object-006400+" {
			t.Errorf("%s: got %q", what, e)
		}
	}
	heard("from the beginning", 3)
	look()
	heard("in the midst: to the end and all of it once more", 5)
	r.keeper.Wake(r.t.ID)
	look()
	r.cloud.asked()
	clock.now = clock.now.Add(-time.Millisecond)
	if kept := look(); kept.Again != time.Millisecond || r.cloud.asked() != "" {
		t.Errorf("it does not rest: %+v", kept)
	}
	if look(); r.cloud.asked() != "GET GET GET" {
		t.Error("it has not gone on")
	}
}

// TestTooManyNames has more names than can be remembered, and later fewer.
func TestTooManyNames(t *testing.T) {
	r := onSmall(t, both)
	r.limits = limits{page: 1000, pages: 3, memory: memoryBytes / 10, small: 100}
	r.another()
	var names []string
	for i := range 400 {
		name := fmt.Sprintf("%s/%s", swift.MD5([]byte(fmt.Sprint(i))), swift.MD5([]byte(fmt.Sprint(-i))))
		names = append(names, name)
	}
	r.fill(names...)
	r.t.CreatedAt = time.Now()
	for range 2 {
		r.keeper.forget(r.t.ID)
		kept, err := r.look(t.Context())
		if err != nil || !strings.Contains(kept.Note, "Deletions are not seen") {
			t.Errorf("%+v, %v", kept, err)
		}
	}
	r.small.Delete("p", "c", names[0])
	r.put("new", "more bytes than what was deleted, so that the counts tell")
	r.want("new ones are seen, deletions not", "created new")
	for _, name := range names[1:300] {
		r.small.Delete("p", "c", name)
	}
	kept, err := r.look(t.Context())
	if err != nil || kept.Note != "" {
		t.Errorf("few are left: %+v, %v", kept, err)
	}
	r.small.Delete("p", "c", names[350])
	r.want("a deletion after that", "deleted "+names[350])
}

// TestTurns has events that are slow to take: others have their turn in between.
func TestTurns(t *testing.T) {
	r := onSmall(t, both)
	clock := r.clock()
	r.see()
	r.fill(numbered(0, 2000)...)
	r.taker.before = func(int) error { clock.now = clock.now.Add(slice / 400); return nil }
	looks := 0
	for ; r.taker.count() < 2000; looks++ {
		kept, err := r.look(t.Context())
		if err != nil || r.taker.count() < 2000 && kept.Again != goOn {
			t.Fatalf("%+v, %v", kept, err)
		}
	}
	if looks < 3 || looks > 5 || r.taker.duplicates != 0 {
		t.Errorf("%d looks, %d duplicates", looks, r.taker.duplicates)
	}
	r.see()
	for _, name := range numbered(0, 2000) {
		r.small.Delete("p", "c", name)
	}
	for looks = 0; r.taker.count() < 4000 && looks < 10; looks++ {
		if _, err := r.look(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if looks < 3 || r.taker.duplicates != 0 {
		t.Errorf("deletions: %d looks, %d duplicates", looks, r.taker.duplicates)
	}
}

// TestClocks has a Swift whose clock is an hour ahead of ours.
func TestClocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const ahead = time.Hour
		now := time.Now()
		l := &look{
			Keeper: New(Config{}), fresh: true,
			t: faas.Trigger{CreatedAt: now.Add(-time.Minute), UpdatedAt: now.Add(-time.Second)},
		}
		l.begin(swift.Container{Now: now.Add(ahead)}, now)
		if since := time.UnixMicro(l.st.Base); !since.Equal(now.Add(ahead - time.Minute).Truncate(time.Microsecond)) {
			t.Errorf("made a minute ago: %v", since)
		}
		l.t.State = "{}"
		for _, swifts := range []time.Duration{-clocksAgree - time.Minute, 0, clocksAgree} { // within the request
			l.begin(swift.Container{Now: now.Add(swifts)}, now.Add(-time.Minute))
			if since := time.UnixMicro(l.st.Base); !since.Equal(now.Add(-time.Second).Truncate(time.Microsecond)) {
				t.Errorf("changed a second ago: %v", since)
			}
		}
	})
}

// TestNamesOfAllKinds has names that Swift allows and that no request could be made for.
func TestNamesOfAllKinds(t *testing.T) {
	r := onSmall(t, both)
	long := strings.Repeat("ü", swift.MaxObjectName/2)
	names := []string{"a/../b", "./a", "a//b", `"quoted" <b> & \`, "%2F", "line\nbreak", long}
	for _, name := range names {
		r.small.Put("p", "c", name, []byte("x"))
	}
	var made, gone []string
	for _, name := range names {
		made, gone = append(made, "created "+name), append(gone, "deleted "+name)
	}
	r.want("made", made...)
	for _, name := range names {
		r.small.Delete("p", "c", name)
	}
	r.want("gone", gone...)
}

// TestBegunBefore has an upload that began before the trigger was made, and ended after its first
// look.
func TestBegunBefore(t *testing.T) {
	r := onSmall(t, both)
	r.put("old", "x")
	r.put("slow", "x")
	r.small.List("p", "c", "slow", false)
	r.t.CreatedAt = time.Now()
	r.want("the first look")
	r.small.List("p", "c", "slow", true)
	r.want("it is there now", "created slow")
}

// TestFewNamesOfMany has a container of which no look sees everything, for the sake of few objects.
func TestFewNamesOfMany(t *testing.T) {
	r := onSmall(t, both+`, "suffix": ".png"`)
	r.limits = limits{page: 100, pages: 3, memory: memoryBytes, small: 10}
	r.another()
	r.fill(numbered(0, 350)...)
	r.fill("a.png", "z.png")
	r.t.CreatedAt = time.Now()
	for range 4 {
		kept, err := r.look(t.Context())
		if err != nil || !strings.Contains(kept.Note, "Deletions are not seen") {
			t.Errorf("%+v, %v", kept, err)
		}
	}
	r.put("b.png", "x")
	r.small.Delete("p", "c", "a.png")
	r.small.Delete("p", "c", "z.png")
	r.see()
	r.want("deletions are not seen, as was said", "created b.png")
	for _, name := range numbered(0, 200) {
		r.small.Delete("p", "c", name)
	}
	r.see()
	kept, err := r.look(t.Context())
	if err != nil || kept.Note != "" {
		t.Errorf("few are left: %+v, %v", kept, err)
	}
	r.small.Delete("p", "c", "b.png")
	r.want("a look sees everything", "deleted b.png")
}
