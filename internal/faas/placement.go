package faas

import (
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Placement is the labels that a cluster must have for a runtime's workers to be in it, as
// "gpu=yes,zone=a": sorted by name, "" for none. As text it can be compared and kept.
type Placement string

const (
	// MaxPlacementLabels is how many labels a placement may have.
	MaxPlacementLabels = 8
	maxLabel           = 63
)

// labelForm is what names and values of labels are made of, as in Kubernetes.
var labelForm = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._/-]*[A-Za-z0-9])?$`)

// NewPlacement returns the placement of the labels. An error of kind Invalid says which is wrong.
func NewPlacement(labels map[string]string) (Placement, error) {
	if len(labels) > MaxPlacementLabels {
		return "", Errorf(Invalid, "placement has %d labels; it may have at most %d.", len(labels), MaxPlacementLabels)
	}
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		for what, text := range map[string]string{"name": name, "value": labels[name]} {
			if len(text) > maxLabel || !labelForm.MatchString(text) {
				return "", Errorf(Invalid, "placement: the %s %q of a label must have 1 to %d letters, digits, '.', '_', '-' or '/', "+
					"with a letter or digit at both ends.", what, clipped(text), maxLabel)
			}
		}
		pairs = append(pairs, name+"="+labels[name])
	}
	return Placement(strings.Join(pairs, ",")), nil
}

func clipped(text string) string {
	if len(text) <= maxLabel {
		return text
	}
	return strings.ToValidUTF8(text[:maxLabel], "") + "…"
}

// Labels returns the labels; empty, not nil, for none.
func (p Placement) Labels() map[string]string {
	labels := map[string]string{}
	for pair := range strings.SplitSeq(string(p), ",") {
		if name, value, is := strings.Cut(pair, "="); is {
			labels[name] = value
		}
	}
	return labels
}

// Fits reports whether a cluster of these labels has all of the placement's.
func (p Placement) Fits(labels map[string]string) bool {
	for name, value := range p.Labels() {
		if labels[name] != value {
			return false
		}
	}
	return true
}

// AsksFor reports whether the placement has one of these labels.
func (p Placement) AsksFor(labels map[string]string) bool {
	for name, value := range p.Labels() {
		if have, is := labels[name]; is && have == value {
			return true
		}
	}
	return false
}
