package config

import "reflect"

// Settings are what every process of the service has of its configuration, with what can be changed
// while it runs.
type Settings struct {
	Service
	Limits ResourceLimits
}

// Settings returns what the process has in common with others.
func (c *APIService) Settings() Settings { return Settings{c.Service, c.Limits} }

// Settings returns what the process has in common with others.
func (c *EngineService) Settings() Settings { return Settings{c.Service, c.Limits} }

// Change is an option whose value has changed. Secrets are not shown.
type Change struct {
	Section, Option, Before, After string
	Live                           bool // a running process takes it up
}

// Changes returns in which options two structs of the same binary differ, in the order of the sample
// file.
func Changes(before, after any) (all []Change) {
	old := map[string]option{}
	for _, o := range everyOption(before) {
		old[o.path()] = o
	}
	for _, o := range everyOption(after) {
		was, known := old[o.path()]
		if known && was.text() != o.text() {
			all = append(all, Change{o.section, o.name, was.shown(), o.shown(), o.live})
		}
	}
	return all
}

// everyOption lists the options of a binary with those of its clusters' own sections. Which clusters
// there are is an option, too.
func everyOption(c any) []option {
	all := options(c)
	var several []Kubernetes
	switch c := c.(type) {
	case *EngineService:
		several = c.Several
	case *Manage:
		several = c.Several
	case *Status:
		several = c.Several
	}
	for i := range several {
		all = append(all, optionsIn(clusterSection+several[i].Name, reflect.ValueOf(&several[i]).Elem())...)
	}
	return all
}
