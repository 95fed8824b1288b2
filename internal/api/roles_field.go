package api

import (
	"encoding/json"
	"slices"
	"strings"
)

// maxRoles and maxRoleText bound the roles of one function, and their names together with a
// character between them.
const (
	maxRoles    = 64
	maxRoleText = 2048
)

// rolesField returns the field roles, which forms write as the JSON text of a list; nil when it is not
// set.
func rolesField(o *object) *[]string {
	raw, ok := o.get("roles")
	if !ok {
		return nil
	}
	var text string
	if json.Unmarshal(raw, &text) == nil {
		raw = json.RawMessage(text)
	}
	var roles []string
	if json.Unmarshal(raw, &roles) != nil || roles == nil {
		o.refuse(`roles must be a JSON list of the names of roles, such as ["member"]; it is %s.`, short(string(raw)))
		return nil
	}
	slices.Sort(roles)
	roles = slices.Compact(roles)
	if len(roles) > maxRoles || len(strings.Join(roles, ",")) > maxRoleText {
		o.refuse("roles must have at most %d names of %d characters together; it has %d names.",
			maxRoles, maxRoleText, len(roles))
	}
	if slices.ContainsFunc(roles, func(r string) bool { return r == "" || strings.Contains(r, ",") }) {
		o.refuse("Each name in roles must have at least one character and no commas.")
	}
	return &roles
}
