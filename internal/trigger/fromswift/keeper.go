package fromswift

import (
	"context"
	"encoding/json"
	"hash/maphash"
	"net/http"
	"sync"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/trigger"
	"github.com/openstack-faas/faas/pkg/lru"
	"github.com/openstack-faas/faas/pkg/swift"
)

// Config is what a Keeper needs. Cloud and Take are required.
type Config struct {
	Cloud trigger.Cloud
	Take  trigger.Taker
	Now   func() time.Time // nil: time.Now
}

// Keeper looks at the containers of triggers. It is safe for concurrent use, for different
// triggers.
type Keeper struct {
	cfg    Config
	limits limits
	seed   maphash.Seed
	lists  chan struct{} // holds a token for each list that is in memory

	mu    sync.Mutex
	looks *lru.Cache[string, looked] // by the trigger's id
}

// limits are what a look and its memory may be.
type limits struct {
	page   int // entries of a page
	pages  int // that a look asks for
	memory int // bytes
	small  int // entries of a list that is asked for at once; of a longer one, the counts are first
}

var realLimits = limits{page: swift.MaxPageSize, pages: 3, memory: memoryBytes, small: 1000}

// looked is what the latest look that read a list has found. It is only in this process's memory:
// without it a look costs more, and finds the same.
type looked struct {
	about   uint64 // the trigger's state and settings
	at      time.Time
	counts  swift.Container
	entries int
	whole   bool // it has read all of the list
	// wanted is how often the end of the list is to be reached soon, since somebody has heard of a
	// change: once by a look that began at its beginning, or twice.
	wanted int
}

const (
	looksKept = 50_000
	// listEvery is when a list is read although the counts have not changed.
	listEvery = time.Minute
	// A look takes as long as slice for events; then others have their turn, and it goes on after
	// goOn.
	slice = 20 * time.Second
	goOn  = 100 * time.Millisecond
	// entryRest is for how long a list is not read again for each entry that it had, whoever hears of
	// changes: a large one each second or each few.
	entryRest = 100 * time.Microsecond
	// pageBytes bounds what a page may have, whatever its entries' names and types are.
	pageBytes   = 8 << 20
	pageTimeout = 45 * time.Second
	// mostLists bounds the lists that are in memory at a time, and with pageBytes what tenants can
	// have them take: 128 MiB.
	mostLists = 16
)

var _ trigger.Wakeable = (*Keeper)(nil)

// New returns a Keeper of triggers whose source is swift.
func New(cfg Config) *Keeper {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Keeper{
		cfg: cfg, limits: realLimits, seed: maphash.MakeSeed(), lists: make(chan struct{}, mostLists),
		looks: lru.New[string, looked](looksKept),
	}
}

// Keep looks at the trigger's container, and has its events taken. While the trigger is paused it
// forgets what it knows: what happens then makes no events later.
func (k *Keeper) Keep(ctx context.Context, t faas.Trigger) (trigger.Kept, error) {
	kept := trigger.Kept{State: t.State}
	s, err := ParseSettings(json.RawMessage(t.Settings))
	if err != nil {
		return kept, err
	}
	if t.Status == faas.TriggerPaused {
		k.forget(t.ID)
		text, _ := json.Marshal(state{Paused: true}) // it always can be
		return trigger.Kept{State: string(text)}, nil
	}
	l := &look{Keeper: k, t: t, s: s, until: k.cfg.Now().Add(slice)}
	if l.account, err = k.account(ctx, t); err != nil {
		return kept, err
	}
	if kept.Again = l.rest(); kept.Again > 0 {
		return kept, nil
	}
	same, err := l.unchanged(ctx)
	if err != nil {
		return kept, explained(s, err)
	}
	if same {
		kept.Again = s.every()
		return kept, nil
	}
	select {
	case k.lists <- struct{}{}:
		defer func() { <-k.lists }()
	case <-ctx.Done():
		return kept, faas.Errorf(faas.Unavailable, "Too many containers are looked at now; it is tried again soon.")
	}
	if l.st, l.memory, err = l.remember(); err != nil {
		return kept, err
	}
	return l.run(ctx)
}

// Release implements trigger.Keeper: a trigger has nothing in Swift.
func (k *Keeper) Release(_ context.Context, t faas.Trigger) error {
	k.forget(t.ID)
	return nil
}

func (k *Keeper) forget(triggerID string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.looks.Delete(triggerID)
}

// Wake has the looks at a trigger's container that follow read its list soon, to its end, although
// its counts may be what they were. Whoever was told of a change calls it, before Keep.
func (k *Keeper) Wake(triggerID string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	last, _ := k.looks.Get(triggerID)
	last.wanted = 2
	k.looks.Put(triggerID, last)
}

// account is the project's Swift with the trigger's rights.
func (k *Keeper) account(ctx context.Context, t faas.Trigger) (*swift.Client, error) {
	service, err := k.cfg.Cloud.Client(ctx, t, "object-store")
	if err != nil {
		return nil, err
	}
	client := service.HTTPClient // a copy
	client.CheckRedirect = func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse // the token would go along
	}
	return swift.New(swift.Config{
		Token: swift.Fixed(service.TokenID), Endpoint: swift.At(service.Endpoint), HTTP: &client,
	}), nil
}

// last returns what the latest look has found.
func (l *look) last() (last looked, there bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.looks.Get(l.t.ID)
}

// rest returns for how long the list of a trigger that was woken is not read yet.
func (l *look) rest() time.Duration {
	last, _ := l.last()
	if last.wanted == 0 || last.entries <= l.limits.small {
		return 0
	}
	return last.at.Add(time.Duration(last.entries) * entryRest).Sub(l.cfg.Now())
}

// unchanged asks for the container's counts, when these can say that a list need not be read.
func (l *look) unchanged(ctx context.Context) (bool, error) {
	last, there := l.last()
	if !there || !last.whole || last.wanted > 0 || last.about != l.about(l.t.State) || last.entries <= l.limits.small ||
		l.cfg.Now().Sub(last.at) >= listEvery-l.s.every()/2 {
		return false, nil
	}
	ctx, cancel := context.WithTimeout(ctx, pageTimeout)
	defer cancel()
	counts, err := l.account.Container(ctx, l.s.Container)
	return err == nil && counts.Objects == last.counts.Objects && counts.Bytes == last.counts.Bytes, err
}

// noted keeps what the look has found, for unchanged and rest. It returns when the next one is.
func (l *look) noted(state string, read extent) (again time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	last, _ := l.looks.Get(l.t.ID)
	now := looked{
		about: l.about(state), at: l.cfg.Now(), counts: l.counts, entries: l.entries, whole: read == whole,
	}
	switch read {
	case part:
		now.wanted = last.wanted
		if !l.resumed {
			now.wanted = min(now.wanted, 1)
		}
	case rest: // what was passed before somebody heard of a change is to be read again
		now.wanted = max(0, last.wanted-1)
	case whole:
	}
	l.looks.Put(l.t.ID, now)
	if now.wanted > 0 {
		return min(l.s.every(), max(goOn, time.Duration(l.entries)*entryRest))
	}
	return l.s.every()
}

func (l *look) about(state string) uint64 {
	return maphash.String(l.seed, state) ^ maphash.String(l.seed, l.t.Settings)
}
