package frombus

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/openstack-faas/faas/internal/event"
	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/trigger"
	"github.com/openstack-faas/faas/internal/trigger/fromswift"
)

// SifterConfig is what a Sifter needs. Index and Taker are required.
type SifterConfig struct {
	Index *Index
	Taker trigger.Taker
	// Containers are the triggers that Swift's notifications wake, and Wake has one look at its
	// container after the time at the latest. sooner is false when it is to look before that already
	// and has not begun: there is no look of its own then. It may be called again after an error, as
	// Sift's bring. nil: they are not woken.
	Containers *Index
	Wake       func(ctx context.Context, triggerID string, after time.Duration) (sooner bool, err error)
	// ProjectGone is called when Keystone has said that a project is deleted, again if it fails.
	// What is on the bus is said by whoever may publish there: before it deletes anything,
	// ProjectGone asks Keystone whether it is true. nil: nobody wants to know.
	ProjectGone func(ctx context.Context, projectID string) error
	Hidden      []string     // members of payloads that no event has, as host or initiator.host
	MaxBytes    int          // of a message: 1 MiB
	Log         *slog.Logger // nil: slog.Default()
}

const defaultMaxBytes = 1 << 20

// Sifter finds out which triggers want a notification. It is safe for concurrent use.
type Sifter struct {
	cfg     SifterConfig
	hidden  hidden
	results *results
	waking  *waking
	scratch sync.Pool // *[]byte, what a notification is unescaped into
}

// NewSifter returns a sifter.
func NewSifter(cfg SifterConfig) *Sifter {
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	if cfg.MaxBytes <= 0 {
		cfg.MaxBytes = defaultMaxBytes
	}
	return &Sifter{
		cfg: cfg, hidden: newHidden(cfg.Hidden), results: newResults(), waking: newWaking(cfg.Wake, time.Now),
		scratch: sync.Pool{New: func() any { return new([]byte) }},
	}
}

// Sift reads the body of a message. It returns nil when there is nothing to be done: nobody
// wants it, or it is no notification. Else it returns what brings it to the triggers that do,
// which returns an error when the notification has to come again: of kind faas.Unavailable when
// what is needed is away, or as trigger.Taker says. It may be called again after an error. body
// is not kept.
func (s *Sifter) Sift(body []byte) (bring func(context.Context) error) {
	if len(body) > s.cfg.MaxBytes {
		s.results.count(resultTooLarge)
		return nil
	}
	scratch, _ := s.scratch.Get().(*[]byte)
	defer s.scratch.Put(scratch)
	n, unescaped, err := read(body, *scratch)
	*scratch = unescaped[:0]
	if err != nil {
		s.rubbish(err)
		return nil
	}
	if s.cfg.Containers != nil && string(n.eventType) == fromswift.EventType {
		return s.siftObject(&n)
	}
	project := projectOf(&n)
	if project == nil {
		s.results.count(resultNobodys)
		return nil
	}
	var wanted []*entry
	for _, e := range s.cfg.Index.of(project) {
		if e.wants(&n) {
			wanted = append(wanted, e)
		}
	}
	gone := s.cfg.ProjectGone != nil && string(n.eventType) == projectDeleted
	if len(wanted) == 0 && !gone {
		s.results.count(resultUnwanted)
		return nil
	}
	kept, err := n.clone()
	if err != nil {
		s.rubbish(err)
		return nil
	}
	kept.payload = s.hidden.from(kept.payload)
	work := &bringing{sifter: s, notification: kept, project: string(project), wanted: wanted, gone: gone}
	return work.bring
}

// rubbish counts what is no notification. What it is is not logged for each: there may be many, and
// they may say anything.
func (s *Sifter) rubbish(err error) {
	s.results.count(resultRubbish)
	s.cfg.Log.Debug("a message on the bus is no notification", "error", err)
}

// bringing is a notification that somebody wants.
type bringing struct {
	sifter       *Sifter
	notification notification
	project      string
	wanted       []*entry // to which it has not been brought yet
	gone         bool     // that the project is gone has yet to be told
}

// bring brings the notification to each trigger that wants it. One whose project has no room at the
// moment does not keep it from the others.
func (b *bringing) bring(ctx context.Context) error {
	s := b.sifter
	if b.gone {
		if err := s.cfg.ProjectGone(ctx, b.project); err != nil {
			return err
		}
		b.gone = false
	}
	if len(b.wanted) == 0 {
		return nil
	}
	happened, err := eventOf(&b.notification, b.project)
	if err != nil {
		s.rubbish(err)
		return nil
	}
	var errs []error
	b.wanted = slices.DeleteFunc(b.wanted, func(e *entry) bool {
		err := b.bringTo(ctx, e, happened)
		if err != nil {
			errs = append(errs, err)
		}
		return err == nil
	})
	return worst(errs)
}

func (b *bringing) bringTo(ctx context.Context, e *entry, happened event.Event) error {
	s := b.sifter
	taken, err := s.cfg.Taker.Take(ctx, e.trigger, happened)
	if err == nil {
		s.results.count(string(taken.Outcome))
		return nil
	}
	s.results.count(resultPutOff)
	s.cfg.Log.Debug("a notification could not be brought to a trigger yet", "trigger_id", e.trigger.ID,
		"notification", b.notification.String(), "error", err)
	return err
}

// worst returns the error that is to be heeded: faas.Unavailable before others, since it concerns
// everybody.
func worst(errs []error) error {
	for _, err := range errs {
		if faas.KindOf(err) == faas.Unavailable {
			return err
		}
	}
	return errors.Join(errs...)
}

// eventOf makes an event of a notification. One that does not say when it was made was just now.
func eventOf(n *notification, project string) (event.Event, error) {
	at := n.at()
	if at.IsZero() {
		at = time.Now()
	}
	return event.FromNotification(event.Notification{
		MessageID: string(n.messageID), EventType: string(n.eventType), PublisherID: string(n.publisher),
		Priority: string(n.priority), ProjectID: project, Time: at, Payload: n.payload,
	})
}
