package frombus

import (
	"encoding/json"
	"regexp"
	"strings"

	"github.com/openstack-faas/faas/internal/faas"
	"github.com/openstack-faas/faas/internal/trigger"
)

// Settings say which notifications of its project a trigger wants. In both patterns * stands for
// any letters, none included.
type Settings struct {
	EventType string `json:"event_type"`          // as in compute.instance.delete.end, or compute.instance.*
	Publisher string `json:"publisher,omitempty"` // of the publisher's id, as in compute.*; "" for anybody's
}

const (
	maxPattern = 255
	maxStars   = 8
)

// patternForm is what event types and publishers' ids are made of, and *.
var patternForm = regexp.MustCompile(`^[A-Za-z0-9_.:@/*-]+$`)

// ParseSettings reads the settings of a trigger. An error is a *faas.Error of kind Invalid.
func ParseSettings(raw json.RawMessage) (Settings, error) {
	var s Settings
	if err := trigger.ReadSettings(raw, &s, "event_type", "publisher"); err != nil {
		return s, err
	}
	if s.EventType == "" {
		return s, faas.Errorf(faas.Invalid,
			"settings: event_type is missing. It is the type of the notifications, as in "+
				"compute.instance.delete.end; "+
				"* stands for any letters, as in compute.instance.*.")
	}
	if err := checkPattern("event_type", s.EventType); err != nil {
		return s, err
	}
	if s.Publisher != "" {
		if err := checkPattern("publisher", s.Publisher); err != nil {
			return s, err
		}
	}
	return s, nil
}

func checkPattern(name, pattern string) error {
	switch {
	case len(pattern) > maxPattern:
		return faas.Errorf(faas.Invalid, "settings: %s has %d letters, at most %d are allowed.", name,
			len(pattern), maxPattern)
	case !patternForm.MatchString(pattern):
		return faas.Errorf(faas.Invalid, "settings: %s may have letters, digits, . _ - : @ / and *.", name)
	case strings.Count(pattern, "*") > maxStars:
		return faas.Errorf(faas.Invalid, "settings: %s has more than %d times *.", name, maxStars)
	}
	return nil
}

// matches reports whether a pattern stands for the text. It takes time in proportion to both
// lengths at worst.
func matches(pattern string, text []byte) bool {
	if pattern == "" {
		return true
	}
	star, resume := -1, 0 // where the last * is, and where in the text what follows it was last tried
	p, t := 0, 0
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, resume = p, t
			p++
		case p < len(pattern) && pattern[p] == text[t]:
			p++
			t++
		case star >= 0:
			resume++
			p, t = star+1, resume
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}
