package trusts

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/openstack-faas/faas/internal/api/fields"
	"github.com/openstack-faas/faas/internal/api/request"
)

// maxRoles and maxRoleText bound the roles of one function, and their names together with a
// character between them.
const (
	maxRoles    = 64
	maxRoleText = 2048
)

// RolesField returns the field roles, which forms write as the JSON text of a list; nil when it is
// not set.
func RolesField(o *fields.Object) *[]string {
	raw, ok := o.Get("roles")
	if !ok {
		return nil
	}
	var text string
	if json.Unmarshal(raw, &text) == nil {
		raw = json.RawMessage(text)
	}
	var roles []string
	if json.Unmarshal(raw, &roles) != nil || roles == nil {
		o.Refuse(`roles must be a JSON list of the names of roles, such as ["member"]; it is %s.`, request.Short(string(raw)))
		return nil
	}
	slices.Sort(roles)
	roles = slices.Compact(roles)
	if len(roles) > maxRoles || len(strings.Join(roles, ",")) > maxRoleText {
		o.Refuse("roles must have at most %d names of %d characters together; it has %d names.",
			maxRoles, maxRoleText, len(roles))
	}
	if slices.ContainsFunc(roles, func(r string) bool { return r == "" || strings.Contains(r, ",") }) {
		o.Refuse("Each name in roles must have at least one character and no commas.")
	}
	return &roles
}
