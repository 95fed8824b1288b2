package fromswift

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/trigger"
	"github.com/openstack-faas/faas/pkg/swift"
)

// Settings are those of a trigger whose source is swift.
type Settings struct {
	Container string   `json:"container"`
	Events    []string `json:"events"`
	Prefix    string   `json:"prefix,omitempty"` // of the names; "" for any
	Suffix    string   `json:"suffix,omitempty"` // as Prefix
	Interval  int      `json:"interval"`         // seconds between two looks
}

// What Settings.Events may have.
const (
	Created = "created" // made or changed
	Deleted = "deleted"
)

// Bounds of Settings.Interval, in seconds.
const (
	MinInterval     = 2
	MaxInterval     = 3600
	defaultInterval = 10
)

// ParseSettings reads and completes the settings. An error is a *faas.Error of kind Invalid.
func ParseSettings(raw json.RawMessage) (Settings, error) {
	s := Settings{Events: []string{Created}, Interval: defaultInterval}
	if err := trigger.ReadSettings(raw, &s, "container", "events", "prefix", "suffix", "interval"); err != nil {
		return s, err
	}
	return s, s.check()
}

func (s Settings) check() error {
	switch {
	case s.Container == "":
		return faas.Errorf(faas.Invalid, "settings.container is required: the name of a container of Swift.")
	case len(s.Events) == 0:
		return faas.Errorf(faas.Invalid, "settings.events must have at least one of %q and %q.", Created, Deleted)
	case len(s.Prefix) > swift.MaxObjectName || len(s.Suffix) > swift.MaxObjectName:
		return faas.Errorf(
			faas.Invalid, "settings.prefix and settings.suffix must be at most %d bytes, as names of objects are.",
			swift.MaxObjectName,
		)
	case s.Interval < MinInterval || s.Interval > MaxInterval:
		return faas.Errorf(
			faas.Invalid, "settings.interval must be %d to %d seconds; it is %d.", MinInterval, MaxInterval, s.Interval,
		)
	}
	for i, e := range s.Events {
		if e != Created && e != Deleted {
			return faas.Errorf(faas.Invalid, "settings.events must be of %q and %q; it has %q.", Created, Deleted, cut(e))
		}
		if slices.Contains(s.Events[:i], e) {
			return faas.Errorf(faas.Invalid, "settings.events must have %q only once.", e)
		}
	}
	if err := swift.CheckNames(s.Container, "any"); err != nil {
		return faas.Errorf(faas.Invalid, "settings.container can not be %q: %v.", cut(s.Container), err)
	}
	return nil
}

func (s Settings) wants(event string) bool { return slices.Contains(s.Events, event) }

func (s Settings) matches(name string) bool {
	return strings.HasPrefix(name, s.Prefix) && strings.HasSuffix(name, s.Suffix)
}

func (s Settings) every() time.Duration { return time.Duration(s.Interval) * time.Second }

// cut shortens what somebody wrote, for a message.
func cut(text string) string {
	const most = 100
	if letters := []rune(text); len(letters) > most {
		return string(letters[:most]) + "…"
	}
	return text
}
