package fromswift

import (
	"context"
	"maps"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/trigger"
	"github.com/openstack-faas/faas/pkg/swift"
)

// look is one call of Keep.
type look struct {
	*Keeper
	t       faas.Trigger
	s       Settings
	account *swift.Client
	until   time.Time // when it ends, however much is left
	st      state
	memory  *memory

	resumed bool // it goes on where another has ended
	fresh   bool // nothing is known yet
	changed bool // something was learned that is to be remembered
	counts  swift.Container
	entries int // that were read
	// met are the names that are there, each with its version, as far as their events are settled.
	// nil: they are not wanted, or too many.
	met map[string]version
}

// remember reads the trigger's state.
func (l *look) remember() (st state, m *memory, err error) {
	if st, m, l.fresh, err = remembered(l.t, l.s, l.limits.memory); err != nil {
		return st, m, err
	}
	l.resumed = len(st.Marker) > 0
	if l.s.wants(Deleted) {
		l.met = map[string]version{}
	} else if m.names != nil { // they are not wanted any more
		m.names, l.changed = nil, true
	}
	return st, m, nil
}

// run reads the list as far as this look may.
func (l *look) run(ctx context.Context) (trigger.Kept, error) {
	for range l.limits.pages {
		asked := l.cfg.Now()
		page, err := l.page(ctx)
		if err != nil {
			return l.end(part, l.s.every(), explained(l.s, err))
		}
		if l.counts.Now.IsZero() {
			l.begin(page.Container, asked)
		}
		l.entries += len(page.Entries)
		if left, err := l.read(ctx, page.Entries); left || err != nil {
			return l.interrupted(ctx, part, err)
		}
		if !page.More {
			return l.finish(ctx)
		}
		l.st.Marker, l.changed = []byte(page.Entries[len(page.Entries)-1].Name), true
	}
	if !l.resumed && l.s.wants(Deleted) {
		l.st.Unnamed = true // no look will see all of them
	}
	return l.end(part, l.s.every(), nil)
}

func (l *look) page(ctx context.Context) (swift.Page, error) {
	ctx, cancel := context.WithTimeout(ctx, pageTimeout)
	defer cancel()
	return l.account.Page(ctx, l.s.Container, swift.PageOpts{
		Prefix: l.s.Prefix, Marker: string(l.st.Marker), Limit: l.limits.page, MaxBytes: pageBytes,
	})
}

// clocksAgree is by how much Swift's clock may differ from ours without being taken into account:
// it is known to the second.
const clocksAgree = 2 * time.Second

// begin notes the counts as they were before the first page, which was asked for at that time; and
// when nothing is known yet, since when objects are new.
func (l *look) begin(c swift.Container, asked time.Time) {
	answered := l.cfg.Now()
	if l.counts = c; c.Now.IsZero() {
		l.counts.Now = answered
	}
	if !l.fresh {
		return
	}
	since := l.t.CreatedAt
	if l.t.State != "" && l.t.UpdatedAt.After(since) { // resumed, or of other settings
		since = l.t.UpdatedAt
	}
	switch now := l.counts.Now; {
	case now.Before(asked.Add(-clocksAgree)):
		since = since.Add(now.Sub(asked))
	case now.After(answered.Add(clocksAgree)):
		since = since.Add(now.Sub(answered))
	}
	l.st.Base, l.changed = since.UnixMicro(), true
}

// read has the events of a page's entries taken. left says that some are left for another look.
func (l *look) read(ctx context.Context, page []swift.Entry) (left bool, err error) {
	var news []swift.Entry
	for _, e := range page {
		if !l.s.matches(e.Name) {
			continue
		}
		v := versionOf(e)
		switch {
		case l.memory.seen(v):
			l.meet(e.Name, v)
		case e.Modified.UnixMicro() <= l.st.Base || !l.s.wants(Created):
			l.settle(e.Name, v)
		default:
			news = append(news, e)
		}
	}
	for len(news) > 0 {
		some := news[:min(chunk, len(news))]
		settled, err := inParallel(ctx, len(some), func(ctx context.Context, i int) error {
			e, err := created(l.t, l.s, some[i])
			return l.take(ctx, e, err)
		})
		all := true
		for i, e := range some {
			if !settled[i] {
				all = false
				continue
			}
			l.settle(e.Name, versionOf(e))
			if all {
				l.st.Marker = []byte(e.Name)
			}
		}
		if err != nil {
			return true, err
		}
		if news = news[len(some):]; len(news) > 0 && l.cfg.Now().After(l.until) {
			return true, nil
		}
	}
	return false, nil
}

// settle notes a version that is new, and needs no event any more.
func (l *look) settle(name string, v version) {
	l.memory.add(v)
	l.meet(name, v)
	l.changed = true
}

// meet notes an object that is there.
func (l *look) meet(name string, v version) {
	if l.met == nil {
		return
	}
	if l.met[name] = v; len(l.met) > l.memory.room/4 { // more have no room
		l.met = nil
	}
}

// finish is run when the list was read to its end.
func (l *look) finish(ctx context.Context) (trigger.Kept, error) {
	if l.st.Base != 0 || l.resumed {
		l.st.Base, l.changed = 0, true
	}
	l.st.Marker = nil
	if l.resumed {
		return l.end(rest, l.s.every(), nil)
	}
	left, err := l.deletions(ctx)
	if left || err != nil {
		return l.interrupted(ctx, whole, err)
	}
	return l.end(whole, l.s.every(), nil)
}

// interrupted ends a look that could not do everything, by an error or for lack of time.
func (l *look) interrupted(ctx context.Context, read extent, err error) (trigger.Kept, error) {
	if err == nil {
		return l.end(read, goOn, nil)
	}
	if ctx.Err() != nil {
		return l.end(read, goOn, away("The look at the container was cut off.").WithCause(err))
	}
	if wait, passes := waits(err); passes {
		kept, _ := l.end(read, wait, nil)
		kept.Note = "Events wait: " + faas.Said(err)
		return kept, nil
	}
	return l.end(read, l.s.every(), err)
}

// end returns what is remembered of the look.
func (l *look) end(read extent, again time.Duration, err error) (trigger.Kept, error) {
	kept := trigger.Kept{State: l.t.State, Again: again}
	l.keepNames(read)
	if l.changed {
		kept.State = l.st.write(l.memory, read)
	}
	if l.st.Unnamed {
		kept.Note = "Deletions are not seen: the container has more objects than can be remembered by their names. " +
			"Name a prefix or a suffix that fewer of them have."
	}
	if err == nil && again == l.s.every() {
		kept.Again = l.noted(kept.State, read)
	}
	return kept, err
}

// keepNames puts the names that were met into the memory, if they fit.
func (l *look) keepNames(read extent) {
	unnamed := l.st.Unnamed
	switch {
	case !l.s.wants(Deleted):
		unnamed = false
	case read == whole:
		fit := l.met != nil && namesFit(l.met, l.memory.room)
		if l.changed = l.changed || fit != (l.memory.names != nil); !fit {
			l.met = nil
		}
		l.memory.names, unnamed = l.met, !fit
	case l.memory.names != nil && l.met != nil:
		maps.Copy(l.memory.names, l.met)
	case l.met == nil:
		l.memory.names, unnamed = nil, true
	}
	l.changed = l.changed || unnamed != l.st.Unnamed
	l.st.Unnamed = unnamed
}
