package faas

import (
	"encoding/json"
	"regexp"
)

// Contents is what a runtime has for functions, as its shim says. It comes from the runtime's image.
type Contents struct {
	Interpreter string   `json:"interpreter"` // "Python 3.11.2"; "" when the shim does not say
	Modules     []Module `json:"modules"`     // beside the language's own; nil when the shim does not say
}

// Module is a module that functions find.
type Module struct {
	Name    string  `json:"name"`
	Version *string `json:"version"` // as installed; nil when that is not known
}

// maxModules bounds what is kept of a runtime's modules, in bytes of JSON.
const maxModules = 16 << 10

// Names and versions have 100 bytes at most. Their forms do not say so: that would take each agent,
// which knows them too, 100 KiB of memory.
const maxName = 100

var (
	interpreterForm = regexp.MustCompile(`^[ -~]+$`)
	moduleForm      = regexp.MustCompile(`^[A-Za-z0-9_.+!-]+$`)
)

func named(form *regexp.Regexp, text string) bool {
	return len(text) <= maxName && form.MatchString(text)
}

// Recorded returns both as a runtime's record keeps them. A name or a version that is none is left
// out, and so are the modules from the one on that does not fit any more.
func (c Contents) Recorded() (interpreter, modules string) {
	if named(interpreterForm, c.Interpreter) {
		interpreter = c.Interpreter
	}
	if c.Modules == nil {
		return interpreter, ""
	}
	kept := []byte{'['}
	for _, m := range c.Modules {
		if !named(moduleForm, m.Name) {
			continue
		}
		if m.Version != nil && !named(moduleForm, *m.Version) {
			m.Version = nil
		}
		one, _ := json.Marshal(m) // strings: cannot fail
		if len(kept)+len(one)+len(",]") > maxModules {
			break
		}
		if len(kept) > 1 {
			kept = append(kept, ',')
		}
		kept = append(kept, one...)
	}
	return interpreter, string(append(kept, ']'))
}
