package fromswift

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/openstack-faas/faas/internal/faas"
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

// ParseSettings reads a trigger's settings and completes them. The error is of kind Invalid.
func ParseSettings(raw json.RawMessage) (Settings, error) {
	s := Settings{Events: []string{Created}, Interval: defaultInterval}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		return s, malformed(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return s, invalid("must be one JSON object")
	}
	return s, s.check()
}

func (s Settings) check() error {
	switch {
	case s.Container == "":
		return invalid("must have container, the name of a container of Swift")
	case len(s.Events) == 0:
		return invalid("must have at least one of %s and %s in events", Created, Deleted)
	case len(s.Prefix) > swift.MaxObjectName || len(s.Suffix) > swift.MaxObjectName:
		return invalid("must have a prefix and a suffix of at most %d bytes, as names of objects have", swift.MaxObjectName)
	case s.Interval < MinInterval || s.Interval > MaxInterval:
		return invalid("must have an interval of %d to %d seconds, not %d", MinInterval, MaxInterval, s.Interval)
	}
	for i, e := range s.Events {
		if e != Created && e != Deleted {
			return invalid("must have %s and %s in events, not %q", Created, Deleted, cut(e))
		}
		if slices.Contains(s.Events[:i], e) {
			return invalid("must have %s only once in events", e)
		}
	}
	if err := swift.CheckNames(s.Container, "any"); err != nil {
		return invalid("must have a container that may exist, not %q: %v", cut(s.Container), err)
	}
	return nil
}

func invalid(format string, args ...any) error {
	return faas.Errorf(faas.Invalid, "The settings of a trigger from swift "+format+".", args...)
}

// malformed explains what the decoder refuses.
func malformed(err error) error {
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) && wrong.Field != "" {
		return invalid("must have another type of value for %s than %s", wrong.Field, wrong.Value)
	}
	if name, unknown := strings.CutPrefix(err.Error(), "json: unknown field "); unknown {
		return invalid("have %s, which is not one of container, events, prefix, suffix and interval", cut(name))
	}
	return invalid("must be one JSON object with container, and perhaps events, prefix, suffix and interval")
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
