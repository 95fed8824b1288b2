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

var (
	interpreterForm = regexp.MustCompile(`^[ -~]{1,100}$`)
	moduleForm      = regexp.MustCompile(`^[A-Za-z0-9_.+!-]{1,100}$`)
)

// Recorded returns both as a runtime's record keeps them. A name or a version that is none is left
// out, and so are the modules from the one on that does not fit any more.
func (c Contents) Recorded() (interpreter, modules string) {
	if interpreterForm.MatchString(c.Interpreter) {
		interpreter = c.Interpreter
	}
	if c.Modules == nil {
		return interpreter, ""
	}
	kept := []byte{'['}
	for _, m := range c.Modules {
		if !moduleForm.MatchString(m.Name) {
			continue
		}
		if m.Version != nil && !moduleForm.MatchString(*m.Version) {
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
