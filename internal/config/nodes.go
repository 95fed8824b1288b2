package config

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Toleration is a taint that workers are put up with.
type Toleration struct {
	Key    string
	Value  string // with Any: ""
	Any    bool   // whatever the taint's value
	Effect string // "": any
}

// labelKey and labelValue are what Kubernetes takes for names and values of labels and taints.
var (
	labelKey   = regexp.MustCompile(`^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$`)
	labelValue = regexp.MustCompile(`^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$`)
)

// taintEffects are what taints do to pods that do not tolerate them.
var taintEffects = []string{"NoSchedule", "PreferNoSchedule", "NoExecute"}

// NodeLabels returns what labels a worker's node must have; nil for none.
func (k Kubernetes) NodeLabels() (map[string]string, error) {
	var labels map[string]string
	for _, pair := range k.NodeSelector {
		key, value, is := strings.Cut(pair, "=")
		if _, twice := labels[key]; !is || twice || !labelKey.MatchString(key) || !labelValue.MatchString(value) {
			return nil, fmt.Errorf("%q must be name=value of a node's label, each name once", pair)
		}
		if labels == nil {
			labels = map[string]string{}
		}
		labels[key] = value
	}
	return labels, nil
}

// Tolerated returns the taints that workers are put up with.
func (k Kubernetes) Tolerated() (all []Toleration, err error) {
	for _, text := range k.Tolerations {
		taint, effect, hasEffect := strings.Cut(text, ":")
		key, value, hasValue := strings.Cut(taint, "=")
		noEffect := hasEffect && !slices.Contains(taintEffects, effect)
		if noEffect || !labelKey.MatchString(key) || !labelValue.MatchString(value) {
			return nil, fmt.Errorf("%q must be name, name=value, name:effect or name=value:effect; the effects are %s",
				text, strings.Join(taintEffects, ", "))
		}
		all = append(all, Toleration{Key: key, Value: value, Any: !hasValue, Effect: effect})
	}
	return all, nil
}

// checkNodes checks where workers are put.
func (k Kubernetes) checkNodes(section string) error {
	var wrong []error
	refuse := func(option, value, reason string) {
		wrong = append(wrong, &Error{Section: section, Option: option, Value: value, Reason: reason})
	}
	if _, err := k.NodeLabels(); err != nil {
		refuse("node_selector", strings.Join(k.NodeSelector, ","), err.Error())
	}
	if _, err := k.Tolerated(); err != nil {
		refuse("tolerations", strings.Join(k.Tolerations, ","), err.Error())
	}
	for i, key := range k.SpreadOver {
		if !labelKey.MatchString(key) || slices.Contains(k.SpreadOver[:i], key) {
			refuse("spread_over", key, "must be the name of a node's label, each once")
		}
	}
	if k.PriorityClass != "" && !className.MatchString(k.PriorityClass) {
		refuse("priority_class", k.PriorityClass,
			"must be the name of a PriorityClass: lower-case letters, digits, '-' and '.'")
	}
	return errors.Join(wrong...)
}

// className is what names of PriorityClasses are made of.
var className = regexp.MustCompile(`^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$`)
