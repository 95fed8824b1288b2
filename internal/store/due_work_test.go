package store_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/store"
)

// TestDueWork holds what is due against its promises, with two processes' stores on each database.
func TestDueWork(t *testing.T) {
	for database, url := range map[string]string{"SQLite": newURL(t), "MariaDB": migrated(t)} {
		one, two := open(t, url, nil), open(t, url, nil)
		for name, test := range map[string]func(*due){
			"an epoch that is over":               func(d *due) { d.fenced() },
			"engines that live":                   func(d *due) { d.announced() },
			"an item is taken once":               func(d *due) { d.takenOnce() },
			"an item is due by the database's":    func(d *due) { d.inTime() },
			"what becomes of an item":             func(d *due) { d.outcomes() },
			"an item that is added while in hand": func(d *due) { d.addedMeanwhile() },
			"an item that is woken":               func(d *due) { d.woken() },
			"an item that is woken while in hand": func(d *due) { d.wokenMeanwhile() },
			"an item whose time in hand is over":  func(d *due) { d.overdue() },
			"an item that goes to a new owner":    func(d *due) { d.handedOver() },
			"dead items":                          func(d *due) { d.dead() },
			"kinds have room of their own":        func(d *due) { d.room() },
		} {
			t.Run(database+"/"+name, func(t *testing.T) {
				d := &due{T: t, stores: [2]*store.Store{one, two}, kind: fmt.Sprint("kind-", kinds.Add(1))}
				test(d)
			})
		}
	}
}

var kinds atomic.Int64

// due is a kind of work that nobody else adds to.
type due struct {
	*testing.T
	stores [2]*store.Store
	kind   string
}

func allShards(s *store.Store) (all []int) {
	for shard := range int(s.Shards()) {
		all = append(all, shard)
	}
	return all
}

func (d *due) add(ref string, after time.Duration) {
	d.Helper()
	fatal(d.T, d.stores[0].AddDue(d.Context(), d.kind, ref, after))
}

// soon returns the refs of what is due within the time, in order.
func (d *due) soon(within time.Duration) (refs []string, items []store.DueItem) {
	d.Helper()
	items, err := d.stores[1].DueItems(
		d.Context(),
		store.DueQuery{Shards: allShards(d.stores[0]), Room: map[string]int{d.kind: 100}, Within: within},
	)
	fatal(d.T, err)
	for _, i := range items {
		refs = append(refs, i.Ref)
	}
	return refs, items
}

func (d *due) expect(want ...string) []store.DueItem {
	d.Helper()
	refs, items := d.soon(0)
	// Of those due at the same moment none is the first, and SQLite's clock has milliseconds.
	if slices.Sort(refs); !slices.Equal(refs, want) {
		d.Errorf("due are %q, want %q", refs, want)
	}
	return items
}

func (d *due) own(s *store.Store, shard int, owner string) faas.Ownership {
	d.Helper()
	o, err := s.TakeShard(d.Context(), shard, owner)
	fatal(d.T, err)
	return o
}

// retry has waiting and dead items done now.
func (d *due) retry(ref string, want int64) {
	d.Helper()
	if n, err := d.stores[1].RetryDue(d.Context(), d.kind, ref); err != nil || n != want {
		d.Errorf("retry %q: %d, %v; want %d", ref, n, err, want)
	}
}

// take takes an item in hand.
func (d *due) take(ref string, hold time.Duration) store.DueItem {
	d.Helper()
	o := d.own(d.stores[0], d.stores[0].Shards().Of(ref), "engine")
	_, items := d.soon(0)
	taken, err := d.stores[0].TakeDue(d.Context(), o, items, func(string) time.Duration { return hold })
	fatal(d.T, err)
	for _, i := range taken {
		if i.Ref == ref {
			return i
		}
	}
	d.Fatalf("%s is not among the taken %v", ref, taken)
	return store.DueItem{}
}

func (d *due) fenced() {
	d.add("a", 0)
	items := d.expect("a")
	shard := d.stores[0].Shards().Of("a")
	before := d.own(d.stores[0], shard, "one")
	after := d.own(d.stores[1], shard, "two")
	if after.Epoch != before.Epoch+1 {
		d.Errorf("epoch %d follows %d", after.Epoch, before.Epoch)
	}
	hold := func(string) time.Duration { return time.Hour }
	if taken, err := d.stores[0].TakeDue(d.Context(), before, items, hold); !errors.Is(err, store.ErrNotOwner) ||
		len(taken) != 0 {
		d.Errorf("who owned it before takes %v, %v", taken, err)
	}
	if taken, err := d.stores[1].TakeDue(d.Context(), after, items, hold); err != nil || len(taken) != 1 {
		d.Errorf("its owner takes %v, %v", taken, err)
	}
	if _, err := d.stores[0].TakeShard(d.Context(), 64, "three"); faas.KindOf(err) != faas.NotFound {
		d.Errorf("a shard that there is not: %v", err)
	}
	owners, err := d.stores[0].ShardOwners(d.Context())
	if err != nil || len(owners) != 64 || owners[shard].Owner != "two" || owners[shard].Ownership != after ||
		owners[shard].OwnedAt.IsZero() {
		d.Errorf("the owners are %+v, %v", owners, err)
	}
}

func (d *due) announced() {
	names := func(live []store.LiveEngine) (all []string) {
		for _, e := range live {
			all = append(all, e.Name+" "+e.Standing)
		}
		return all
	}
	for _, e := range []store.LiveEngine{{Name: "b"}, {Name: "a", Standing: "x"}, {Name: "b", Standing: "y"}} {
		_, err := d.stores[0].AnnounceEngine(d.Context(), e, time.Hour)
		fatal(d.T, err)
	}
	live, err := d.stores[1].AnnounceEngine(d.Context(), store.LiveEngine{Name: "c"}, time.Hour)
	if err != nil || !slices.Equal(names(live), []string{"a x", "b y", "c "}) {
		d.Errorf("live are %q, %v", names(live), err)
	}
	fatal(d.T, d.stores[0].RemoveEngine(d.Context(), "a"))
	if live, err = d.stores[0].LiveEngines(d.Context(), time.Hour); err != nil ||
		!slices.Equal(names(live), []string{"b y", "c "}) {
		d.Errorf("live are %q, %v", names(live), err)
	}
	// they were seen before a second from now
	if live, err = d.stores[0].LiveEngines(d.Context(), -time.Second); err != nil || len(live) != 0 {
		d.Errorf("live are %q, %v", names(live), err)
	}
}

// takenOnce has both processes take the same items under the same ownership.
func (d *due) takenOnce() {
	var refs []string
	for n := range rounds {
		refs = append(refs, fmt.Sprint("r", n))
		d.add(refs[n], 0)
	}
	_, items := d.soon(0)
	slices.Sort(refs)
	var taken [2][]string
	for shard := range int(d.stores[0].Shards()) {
		o := d.own(d.stores[0], shard, "engine")
		both(d.stores, func(n int, s *store.Store) {
			got, err := s.TakeDue(d.Context(), o, items, func(string) time.Duration { return time.Hour })
			if err != nil {
				d.Error(err)
			}
			for _, i := range got {
				taken[n] = append(taken[n], i.Ref)
			}
		})
	}
	all := slices.Sorted(slices.Values(slices.Concat(taken[0], taken[1])))
	if !slices.Equal(all, refs) {
		d.Errorf("taken are %q", all)
	}
	d.expect()
}

// inTime has processes whose clocks are wrong: times are the database's.
func (d *due) inTime() {
	d.add("later", time.Hour)
	d.add("soon", time.Minute)
	d.add("now", 0)
	d.expect("now")
	refs, items := d.soon(2 * time.Minute)
	if !slices.Equal(refs, []string{"now", "soon"}) || items[0].In > 0 || items[1].In <= 0 || items[1].In > time.Minute {
		d.Errorf("soon due are %+v", items)
	}
	d.retry("*", 3)
	if refs, _ := d.soon(0); len(refs) != 3 {
		d.Errorf("due are %q, want all", refs)
	}
	fatal(d.T, d.stores[1].WithdrawDue(d.Context(), d.kind, "now"))
	if refs, _ := d.soon(0); len(refs) != 2 {
		d.Errorf("due are %q, want two", refs)
	}
}

func (d *due) outcomes() {
	ctx, s := d.Context(), d.stores[0]
	d.add("a", 0)
	item := d.take("a", time.Hour)
	d.expect()
	fatal(d.T, s.DueFailed(ctx, item, 0, "why not \xff"+strings.Repeat("é", 1000)))
	d.expect("a")
	item = d.take("a", time.Hour)
	if item.Attempts != 2 || !strings.HasPrefix(item.LastError, "why not \uFFFD") || len(item.LastError) > 1000 {
		d.Errorf("got %+v", item)
	}
	fatal(d.T, s.DueAgain(ctx, item, time.Hour))
	d.expect()
	d.retry("a", 1)
	if item = d.take("a", time.Hour); item.Attempts != 1 || item.Age <= 0 || item.LastError != "" {
		d.Errorf("after a success it begins anew: %+v", item)
	}
	fatal(d.T, s.DueDone(ctx, item))
	for name, err := range map[string]error{
		"done": s.DueDone(ctx, item), "again": s.DueAgain(ctx, item, 0), "failed": s.DueFailed(ctx, item, 0, ""),
		"dead": s.DueDead(ctx, item, ""),
	} {
		if !errors.Is(err, store.ErrNotInHand) {
			d.Errorf("%s, of an item that is done: %v", name, err)
		}
	}
}

// addedMeanwhile has an item added once more while an attempt is under way: it is done once more.
func (d *due) addedMeanwhile() {
	d.add("a", 0)
	item := d.take("a", time.Hour)
	fatal(d.T, d.stores[1].EnsureDue(d.Context(), d.kind, "a")) // it is there
	d.expect()
	d.add("a", 0)
	if err := d.stores[0].DueDone(d.Context(), item); !errors.Is(err, store.ErrNotInHand) {
		d.Errorf("the attempt before: %v", err)
	}
	d.expect("a")
	fatal(d.T, d.stores[0].EnsureDue(d.Context(), d.kind, "b"))
	d.expect("a", "b")
}

// wake wakes an item, and says whether that is to change anything.
func (d *due) wake(ref string, after time.Duration, want bool) {
	d.Helper()
	if changed, err := d.stores[1].WakeDue(d.Context(), d.kind, ref, after); err != nil || changed != want {
		d.Errorf("to wake %q after %s has changed something: %t, %v; want %t", ref, after, changed, err, want)
	}
}

// woken has an item that is due in an hour done at once.
func (d *due) woken() {
	ctx, s := d.Context(), d.stores[0]
	d.wake("a", 0, false) // there is none
	d.add("a", time.Hour)
	d.wake("a", 30*time.Minute, true)
	d.expect()
	d.wake("a", 40*time.Minute, false) // it is done before
	d.wake("a", 0, true)
	d.expect("a")
	d.wake("a", 0, false)
	item := d.take("a", time.Hour)
	if !item.Woken || item.Attempts != 1 {
		d.Errorf("got %+v", item)
	}
	fatal(d.T, s.DueAgain(ctx, item, time.Hour))
	d.expect() // that was it
	d.retry("a", 1)
	if item = d.take("a", time.Hour); item.Woken {
		d.Errorf("nobody has woken %+v", item)
	}
	fatal(d.T, s.DueDead(ctx, item, "it cannot be"))
	d.wake("a", 0, false)
	d.expect()
}

// wokenMeanwhile has an item woken while an attempt is under way, which goes on: it is done once more
// after that, whatever came of it.
func (d *due) wokenMeanwhile() {
	ctx, s := d.Context(), d.stores[0]
	d.add("a", 0)
	for n, settle := range []func(store.DueItem) error{
		func(i store.DueItem) error { return s.DueAgain(ctx, i, time.Hour) },
		func(i store.DueItem) error { return s.DueFailed(ctx, i, time.Hour, "it is away") },
	} {
		item := d.take("a", time.Hour)
		if item.Woken != (n > 0) {
			d.Errorf("got %+v", item)
		}
		d.wake("a", 0, true)
		d.wake("a", 0, false) // more are the same
		d.expect()            // it is in hand still
		fatal(d.T, settle(item))
		d.expect("a")
	}
	item := d.take("a", time.Hour)
	if !item.Woken || item.Attempts != 2 {
		d.Errorf("got %+v", item)
	}
	d.wake("a", time.Hour, true)
	fatal(d.T, s.DueAgain(ctx, item, 0)) // it is due before that anyway
	d.expect("a")
	item = d.take("a", 0)
	d.wake("a", 0, true)
	if again := d.take("a", time.Hour); !again.Woken { // whose time in hand is over
		d.Errorf("got %+v", again)
	}
}

// overdue has an attempt that never ends.
func (d *due) overdue() {
	d.add("a", 0)
	lost := d.take("a", 0)
	d.expect("a")
	if again := d.take("a", time.Hour); again.Attempts != 2 {
		d.Errorf("got %+v", again)
	}
	if err := d.stores[0].DueDone(d.Context(), lost); !errors.Is(err, store.ErrNotInHand) {
		d.Errorf("the attempt whose time was over: %v", err)
	}
}

// handedOver has owners of a shard die with an item in hand.
func (d *due) handedOver() {
	ctx := d.Context()
	d.add("a", 0)
	shard := d.stores[0].Shards().Of("a")
	first := d.take("a", time.Hour)
	hand := func(s *store.Store, o faas.Ownership, within time.Duration, want int) {
		d.Helper()
		if n, err := s.HandOverDue(ctx, o, d.kind, within); err != nil || n != want {
			d.Errorf("handed over are %d, %v; want %d", n, err, want)
		}
	}
	second := d.own(d.stores[1], shard, "two")
	hand(d.stores[1], second, time.Minute, 0) // nothing is in hand for so short
	hand(d.stores[1], d.own(d.stores[1], (shard+1)%64, "two"), 2*time.Hour, 0)
	hand(d.stores[1], second, 2*time.Hour, 1)
	hand(d.stores[1], second, 2*time.Hour, 0)
	d.expect("a")
	if err := d.stores[0].DueDone(ctx, first); !errors.Is(err, store.ErrNotInHand) {
		d.Errorf("who had it in hand: %v", err)
	}
	if again := d.take("a", time.Hour); again.Attempts != 2 {
		d.Errorf("got %+v", again)
	}
	over := d.own(d.stores[0], shard, "four")
	hand(d.stores[0], d.own(d.stores[1], shard, "five"), time.Minute, 0)
	if _, err := d.stores[0].HandOverDue(ctx, over, d.kind, 2*time.Hour); !errors.Is(err, store.ErrNotOwner) {
		d.Errorf("who has lost the shard: %v", err)
	}
	d.expect()
	b := d.own(d.stores[0], shard, "six")
	d.add("a", 0)
	hand(d.stores[0], b, 2*time.Hour, 0) // nobody has it in hand
}

func (d *due) dead() {
	ctx, s := d.Context(), d.stores[0]
	for _, ref := range []string{"a", "b"} {
		d.add(ref, 0)
		fatal(d.T, s.DueDead(ctx, d.take(ref, time.Hour), "it cannot be"))
	}
	d.expect()
	dead, err := s.DeadItems(ctx, []string{"none", d.kind}, 10)
	if err != nil || len(dead) != 2 || dead[0].Ref != "a" || dead[0].LastError != "it cannot be" ||
		dead[0].Attempts != 1 ||
		dead[0].Since.IsZero() {
		d.Errorf("dead are %+v, %v", dead, err)
	}
	if dead, err = s.DeadItems(ctx, []string{d.kind}, 1); err != nil || len(dead) != 1 {
		d.Errorf("of two one is asked for: %+v, %v", dead, err)
	}
	if kinds, err := s.DueKinds(ctx); err != nil || !slices.Contains(kinds, d.kind) {
		d.Errorf("the kinds are %q, %v", kinds, err)
	}
	d.retry("b", 1)
	d.expect("b")
	d.retry("*", 2)
	d.retry("none", 0)
	if due, _ := d.soon(0); len(due) != 2 {
		d.Errorf("due are %q, want both", due)
	}
	d.add("a", time.Hour)
	d.expect("b")
}

func (d *due) room() {
	d.add("a", 0)
	d.add("b", 0)
	other := d.kind + "-other"
	fatal(d.T, d.stores[0].AddDue(d.Context(), other, "c", 0))
	find := func(room map[string]int) map[string]int {
		d.Helper()
		items, err := d.stores[0].DueItems(d.Context(), store.DueQuery{Shards: allShards(d.stores[0]), Room: room})
		fatal(d.T, err)
		found := map[string]int{}
		for _, i := range items {
			found[i.Kind]++
		}
		return found
	}
	for _, c := range []struct{ room, want map[string]int }{
		{map[string]int{d.kind: 1, other: 1}, map[string]int{d.kind: 1, other: 1}},
		{map[string]int{d.kind: 0, other: 5}, map[string]int{other: 1}},
		{nil, map[string]int{}},
	} {
		if got := find(c.room); !maps.Equal(got, c.want) {
			d.Errorf("with room for %v there are %v", c.room, got)
		}
	}
	if items, err := d.stores[0].DueItems(d.Context(), store.DueQuery{Room: map[string]int{d.kind: 1}}); err != nil ||
		len(items) != 0 {
		d.Errorf("of no shard: %v, %v", items, err)
	}
}

// TestWhatIsNotDueCostsNothing counts the entries of the index that a look reads beside a hundred
// thousand items that are due much later.
func TestWhatIsNotDueCostsNothing(t *testing.T) {
	server := mariadb(t)
	url := migrated(t)
	s := open(t, url, nil)
	db, err := server.Open(url)
	fatal(t, err)
	defer db.Close()
	const many = 100_000
	_, err = db.ExecContext(
		t.Context(),
		`INSERT INTO due_work (kind, ref, shard, state, due_at, epoch, token, attempts, last_error, added_at)
		SELECT 'job', seq, seq % 64, 'waiting', 4102444800000000 + seq, 0, 0, 0, '', 0 FROM seq_1_to_100000`,
	)
	fatal(t, err)
	read := func() (n int64) {
		t.Helper()
		fatal(t, db.QueryRowContext(t.Context(), `SELECT SUM(VARIABLE_VALUE) FROM information_schema.GLOBAL_STATUS
			WHERE VARIABLE_NAME IN ('HANDLER_READ_NEXT', 'HANDLER_READ_PREV', 'HANDLER_READ_RND', 'HANDLER_READ_RND_NEXT',
			'HANDLER_READ_FIRST', 'HANDLER_READ_KEY', 'HANDLER_READ_LAST')`).Scan(&n))
		return n
	}
	for range 5 {
		fatal(t, s.AddDue(t.Context(), "job", faas.NewID(), 0))
	}
	empty := read()
	itself := read() - empty // what asking costs
	before := read()
	items, err := s.DueItems(t.Context(), store.DueQuery{
		Shards: allShards(s), Room: map[string]int{"job": 100, "other": 100, "third": 100}, Within: 5 * time.Second,
	})
	cost := read() - before - itself
	if err != nil || len(items) != 5 {
		t.Fatalf("due are %v, %v", items, err)
	}
	if cost > 200 {
		t.Errorf("a look at 5 items that are due read %d entries beside %d that are not", cost, many)
	}
	t.Logf("%d entries read", cost)
	o, err := s.TakeShard(t.Context(), 0, "engine")
	fatal(t, err)
	before = read()
	if n, err := s.HandOverDue(t.Context(), o, "job", 45*time.Second); err != nil || n != 0 {
		t.Fatalf("handed over are %d, %v", n, err)
	}
	if cost := read() - before - itself; cost > 200 {
		t.Errorf("a new owner of a shard read %d entries beside %d that are not due", cost, many)
	} else {
		t.Logf("a new owner read %d", cost)
	}
}
