package faas

import (
	"strconv"
	"strings"
)

// Named is a thing by its id, and by its name, which others may have too.
type Named struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// MaxNamed is how many things of one name are told apart to whoever named them.
const MaxNamed = 10

// Ambiguous returns the error for a name that several things have: a Conflict with those as its
// candidates, MaxNamed at most.
func Ambiguous(noun, name string, all []Named) *Error {
	some, count := all, strconv.Itoa(len(all))
	if len(all) > MaxNamed {
		some, count = all[:MaxNamed], "more than "+strconv.Itoa(MaxNamed)
	}
	ids := make([]string, len(some))
	for i, one := range some {
		ids[i] = one.ID
	}
	e := Errorf(Conflict, "There are %s %ss with the name %q; say by its id which is meant: %s.", count, noun, name,
		strings.Join(ids, ", "))
	e.Candidates = some
	return e
}
